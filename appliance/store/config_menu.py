"""The menu of a main number as a config file writes it: ``menu = { 1 = "support", 2 = "accounting" }``."""

from __future__ import annotations

import json
from collections.abc import Sequence

from appliance.hotline.menu import CHOICES_LEAST, CHOICES_MOST, MENU_PROMPTS, menu_prompt
from appliance.store.config_errors import shown
from appliance.store.config_table import Table, similar
from appliance.store.config_values import Department

_KEYS = "123456789"


def read_menu(table: Table) -> tuple[tuple[str, str], ...]:
    """The setting `menu` of a department: pairs of a key and a department, by key."""
    entries = table.entries("menu")
    menu = []
    for key, choice in entries.items():
        if key not in _KEYS or len(key) != 1:
            table.problem("menu key", "menu", key, value=shown(key))
        elif not isinstance(choice, str):
            table.problem("not text", "menu", key)
        else:
            menu.append((key, choice))
    if entries and not CHOICES_LEAST <= len(entries) <= CHOICES_MOST:
        table.problem("menu size", "menu", value=str(len(entries)))
    return tuple(sorted(menu))


def write_menu(menu: Sequence[tuple[str, str]]) -> str:
    """The menu as an inline table."""
    return "{ " + ", ".join(f"{key} = {json.dumps(choice)}" for key, choice in menu) + " }" if menu else "{}"


def check_menus(tables: Sequence[Table], departments: Sequence[Department]) -> None:
    """Note what is wrong between departments: a menu leads to departments without one, each once."""
    known = {department.name: department for department in departments}
    for table, department in zip(tables, departments, strict=True):
        for index, (key, choice) in enumerate(department.menu):
            earlier = [name for _, name in department.menu[:index]]
            if choice not in known:
                close = similar(choice, known)
                table.problem("no such department", "menu", key, suggestion=close, value=shown(choice))
            elif choice == department.name:
                table.problem("menu to itself", "menu", key, value=shown(choice))
            elif known[choice].menu:
                table.problem("second level", "menu", key, value=shown(choice))
            elif choice in earlier:
                table.problem("menu twice", "menu", key, value=shown(choice))
            elif not (known[choice].menu_prompt or menu_prompt(choice)):
                built_in = ", ".join(MENU_PROMPTS)
                table.problem("menu prompt", "menu", key, value=shown(choice), limit=built_in)
