"""Changing a part of the set-up by a form: checked whole, saved, and told to whoever comes second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from appliance.store.changes import by_page
from appliance.store.config import ConfigError, config_of, export_config, import_config, values_of
from appliance.store.config_change import digest
from appliance.store.database import exclusive
from webui.visit import store, texts, who

__all__ = ["change_setup", "digest", "setup"]

Values = dict[str, dict[str, Any]]


def setup() -> Values | None:
    """The set-up as the sections of a config file; None when nothing was set up yet."""
    try:
        return values_of(export_config(store()))
    except ConfigError:
        return None


def change_setup(part: Callable[[Values], object], seen: str, edit: Callable[[Values], None]) -> list[str]:
    """Save what `edit` makes of the set-up, if all of it is right and `part` is still as it was `seen`.

    Returns the sentences that refuse it; then nothing was changed.
    """
    t = texts()
    with exclusive(store()) as db:
        values = setup()
        if values is None:
            return [t("setup.empty")]
        if digest(part(values)) != seen:
            return [t("system.changed_meanwhile")]
        edit(values)
        try:
            import_config(db, config_of(values), by_page(who().name))
        except ConfigError as error:
            return [
                f"{t.or_as_is('setting', each.field.rpartition('.')[2])}: {each.sentence(t.language)}"
                for each in error.problems
            ]
    return []
