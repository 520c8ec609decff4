"""The box's own Asterisk: how its configuration is rendered."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import jinja2

from appliance.telephony.asterisk import AsteriskInstance, render, templates_in, write_configuration
from appliance.telephony.modules import BOX_MODULES, CARD_MODULES
from appliance.telephony.sandbox import AsteriskProgram

DIALPLAN = Path(__file__).parent.parent / "dialplan" / "extensions.conf"
_TEMPLATES = Path(__file__).parent / "config" / "box"


def manager_secret(folder: Path) -> str:
    """The password both manager users share; made once per box, readable by its owner only."""
    file = folder / "manager.secret"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as secret:
            secret.write(secrets.token_urlsafe(24))
    return file.read_text()


def box_templates() -> jinja2.Environment:
    """The templates of the box's own files."""
    return templates_in(_TEMPLATES)


def box_instance(
    program: AsteriskProgram,
    folder: Path,
    *,
    values: Mapping[str, object],
) -> tuple[AsteriskInstance, list[str]]:
    """Render the box's Asterisk configuration; returns it and the names of changed files.

    `values` names what the templates need: ports, addresses, folders, phones.
    """
    instance = AsteriskInstance(program, folder)
    files = render(
        _TEMPLATES,
        {
            "folder": folder,
            "run_folder": instance.run_folder,
            "program": program,
            "entity_id": "02:46:5a:00:00:01",
            "modules": BOX_MODULES + (CARD_MODULES if values["wired"] else ()),
            "manager_secret": manager_secret(folder),
            "events_read": "call,system",
            "orders_read": "call,reporting,system",
            # "system" is for reloading, "command" for a stop that waits for conversations to end. They give
            # nothing new to whoever may originate, which runs any application.
            "orders_write": "call,originate,reporting,system,command",
            "wanted_events": ("DeviceStateChange", "MusicOnHoldStart", "MusicOnHoldStop", "FullyBooted"),
            "music": program.music,
            **values,
        },
    )
    return instance, write_configuration(folder / "etc", files)
