"""Runs in the machine: prepares the box in /var/box from box.toml and office.toml in /share."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from appliance.prepare import prepare_box
from appliance.settings import read_settings
from appliance.store.config import import_config, read_config
from appliance.store.database import open_store
from appliance.telephony.sandbox import installed_asterisk

STATE = Path("/var/box")
SHARE = Path("/share")


def main() -> None:
    """Prepare; the command that starts Asterisk is not ours to give."""
    logging.basicConfig(level=logging.INFO)
    STATE.mkdir(parents=True, exist_ok=True)
    shutil.copy(SHARE / "box.toml", STATE / "box.toml")
    settings = read_settings(STATE)
    db = open_store(settings.store)
    import_config(db, read_config((SHARE / "office.toml").read_text(encoding="utf-8")))
    db.close()
    program = installed_asterisk()
    assert program is not None, "the machine's Asterisk lacks something"
    prepare_box(settings, program)


if __name__ == "__main__":
    main()
