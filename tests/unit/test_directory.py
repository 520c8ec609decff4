"""What the lamps of desk phones can watch, and what they are told."""

from __future__ import annotations

import re

from appliance.hotline.directory import NIGHT_CODE, device_states, directory
from appliance.telephony.box import DIALPLAN

DIALPLAN_TEXT = DIALPLAN.read_text()


def test_everything_there_is_to_watch() -> None:
    entries = directory(
        agents={"anna": "desk_1"},
        phones={"desk_1": ("21", "PJSIP/desk_1"), "lobby": ("29", "DAHDI/9")},
        departments=["support", "office"],
    )
    assert {entry.extension: entry.devices for entry in entries} == {
        "*80": "Custom:night",
        "21": "PJSIP/desk_1&Custom:presence-anna",
        "29": "DAHDI/9",
        "hours-support": "Custom:hours-support",
        "hours-office": "Custom:hours-office",
        "queue-support": "Custom:queue-support&Queue:support",
        "queue-office": "Custom:queue-office&Queue:office",
        "queue": "Custom:queue-support&Queue:support&Custom:queue-office&Queue:office",
    }


def test_the_whole_picture() -> None:
    opened = {"support": True, "office": False}
    assert device_states({"anna": True, "bert": False}, night=True, is_open=opened, waiting=["office"]) == {
        "Custom:night": "INUSE",
        "Custom:presence-anna": "NOT_INUSE",
        "Custom:presence-bert": "BUSY",
        "Custom:hours-support": "NOT_INUSE",
        "Custom:hours-office": "BUSY",
        "Custom:queue-support": "NOT_INUSE",
        "Custom:queue-office": "INUSE",
    }
    assert device_states({}, night=False, is_open={}, waiting=()) == {"Custom:night": "NOT_INUSE"}


def test_every_device_of_the_picture_can_be_watched() -> None:
    entries = directory(
        agents={"anna": "desk_1"}, phones={"desk_1": ("21", "PJSIP/desk_1")}, departments=["support"]
    )
    watched = {device for entry in entries for device in entry.devices.split("&")}
    shown = set(device_states({"anna": True}, night=False, is_open={"support": True}, waiting=()))
    assert shown == {device for device in watched if device.startswith("Custom:")}


def test_the_floor_sets_the_same_devices() -> None:
    shown = set(device_states({"": True}, night=False, is_open={"": True}, waiting=()))
    set_by_floor = re.findall(r"DEVICE_STATE\((Custom:[a-z-]*)", DIALPLAN_TEXT)
    assert set(set_by_floor) == shown
    assert f"exten => {NIGHT_CODE},1," in DIALPLAN_TEXT, "the key with the lamp dials what it watches"
