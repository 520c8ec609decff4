"""Brings changed settings into force: what Asterisk cannot read from the store is rendered and loaded again.

Most settings are in force as soon as they are committed: the dialog and Asterisk's realtime views read the
store at every call. Phones, hints, the keys to transfer and some values of the dialplan stand in files. They
are replaced as a whole, Asterisk loads them without touching a call, and is asked whether it works by them;
if it does not, the files before come back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from sqlite_utils import Database

from appliance.prepare import reloadable_values
from appliance.settings import Settings
from appliance.store import config_change, times
from appliance.store.office import phones, watchable
from appliance.telephony.asterisk import write_configuration
from appliance.telephony.box import box_templates
from appliance.telephony.manager import ActionRefused, ManagerLink

log = logging.getLogger(__name__)

# A file, and the module that reads it; lines.conf is part of the dialplan.
MODULES = {
    "pjsip.conf": "res_pjsip.so",
    "extensions.conf": "pbx_config.so",
    "lines.conf": "pbx_config.so",
    "features.conf": "features",
}
_PATIENCE_SECONDS = 6.0  # Asterisk loads phones in the background
_LOOK_SECONDS = 0.1


def bring_into_force(
    db: Database, settings: Settings, orders: ManagerLink, *, agree: Callable[[], object]
) -> None:
    """Let everything work by what was saved last, and commit that it does, or why Asterisk refused.

    `agree` returns when the supervisor itself works by it. While Asterisk is silent nothing is done: it is
    tried again. Raises ManagerError when it falls silent meanwhile, OSError when a file cannot be written.
    """
    saved = config_change.not_in_force(db)
    if not saved or not orders.connected:
        return
    agree()
    etc = settings.asterisk / "etc"
    wanted = rendered(db, settings)
    before = {name: (etc / name).read_text() for name in wanted if (etc / name).exists()}
    changed = write_configuration(etc, wanted)
    fault = _load(orders, changed) if changed else ""
    fault = fault or _await(db, orders, reload=not changed)
    if not fault:
        config_change.note_in_force(db, saved, times.now())
        log.info("settings %d are in force; written anew: %s", saved, ", ".join(changed) or "nothing")
        return
    log.error("Asterisk does not take settings %d: %s", saved, fault)
    write_configuration(etc, before)
    _load(orders, changed)
    config_change.note_refused(db, saved, fault)


def rendered(db: Database, settings: Settings) -> dict[str, str]:
    """The files that can be loaded while calls go on, as the store wants them."""
    values = reloadable_values(db, settings)
    templates = box_templates()
    return {name: templates.get_template(f"{name}.j2").render(values) for name in MODULES}


def _load(orders: ManagerLink, changed: list[str]) -> str:
    """Let Asterisk read these files again; what it complains of, '' for nothing."""
    for module in dict.fromkeys(MODULES[name] for name in changed):
        try:
            orders.send("Reload", {"Module": module}, timeout_seconds=20)
        except ActionRefused as refused:
            return f"{module}: {refused.message}"
    return ""


def _await(db: Database, orders: ManagerLink, *, reload: bool) -> str:
    """Wait until Asterisk works by the store; what is still missing after a while, '' for nothing.

    With `reload` it may have missed files that were written before, and reads them again.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    while (missing := _missing(db, orders)) and time.monotonic() < until:
        if reload:
            _load(orders, list(MODULES))
            reload = False
        time.sleep(_LOOK_SECONDS)
    return missing


def _missing(db: Database, orders: ManagerLink) -> str:
    """What Asterisk does not know as the store has it: a phone, its extension and secret, or a hint."""
    wanted = {phone["name"]: phone for phone in phones(db)}
    for name, phone in wanted.items():
        known = _phone(orders, name)
        if known.get("password") != phone["secret"] or phone["extension"] not in known.get("callerid", ""):
            return f"phone {name}"
    hints = {
        event.headers.get("Exten", "")
        for event in orders.send_list("ExtensionStateList")
        if event.headers.get("Context") == "directory"
    }
    if lost := {entry.extension for entry in watchable(db)} ^ hints:
        return f"hint {min(lost)}"
    return ""


def _phone(orders: ManagerLink, name: str) -> Mapping[str, str]:
    """What Asterisk knows of a phone; nothing of one it does not know."""
    try:
        events = orders.send_list("PJSIPShowEndpoint", {"Endpoint": name})
    except ActionRefused:
        return {}
    found: dict[str, str] = {}
    for event in events:
        if event.name == "EndpointDetail":
            found["callerid"] = event.headers.get("Callerid", "")
        elif event.name == "AuthDetail":
            found["password"] = event.headers.get("Password", "")
    return found
