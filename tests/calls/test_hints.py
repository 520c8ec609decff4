"""Lamps on desk phones: a phone subscribes (SIP) and is told night mode, agents, departments, who waits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from appliance.simulator.busy_lamps import BusyLamps
from appliance.simulator.exchange import NotHappened
from appliance.simulator.office import SimulatedOffice
from appliance.store import night, times
from appliance.store.changes import BY_COMMAND


def lamps_of(office: SimulatedOffice, phone: str) -> BusyLamps:
    secret = office.db.execute("SELECT secret FROM phones WHERE name = ?", [phone]).fetchone()[0]
    return BusyLamps(office.settings.sip_address, office.settings.sip_port, phone, secret)


@pytest.fixture
def lamps(office: SimulatedOffice) -> Iterator[BusyLamps]:
    """The lamps of Clara's phone."""
    with lamps_of(office, "desk_3") as lamps:
        yield lamps


def test_a_colleagues_lamp_shows_presence_and_phone(office: SimulatedOffice, lamps: BusyLamps) -> None:
    lamps.watch("21")
    lamps.lamp_is("21", "lit")  # offline: not to be reached
    office.sets("anna", "available")
    lamps.lamp_is("21", "dark")
    office.sets("anna", "away")
    lamps.lamp_is("21", "lit")
    office.sets("anna", "available")
    lamps.lamp_is("21", "dark")
    caller, desk = office.caller(), office.desk("anna")
    caller.dials("0931 555-10")
    desk.rings()
    lamps.lamp_is("21", "blinking")
    desk.answers()
    lamps.lamp_is("21", "lit")
    caller.hangs_up()
    lamps.lamp_is("21", "dark")


def test_the_lamps_of_departments_show_hours_and_who_waits(office: SimulatedOffice, lamps: BusyLamps) -> None:
    for extension in ("hours-office", "hours-support", "queue-support", "queue-office", "queue"):
        lamps.watch(extension)
    lamps.lamp_is("hours-office", "dark")
    night.set_night_mode(office.db, "night", BY_COMMAND, times.now())
    lamps.lamp_is("hours-office", "lit")
    assert lamps.lamp("hours-support") == "dark", "it ignores the switch"
    office.sets("anna", "available")
    first, second = office.caller("+491701111111"), office.caller("+491702222222")
    first.dials("0931 555-10")
    office.desk("anna").answers()
    assert lamps.lamp("queue-support") == "dark", "the first did not wait"
    second.dials("0931 555-10")
    second.hears("all-busy")
    lamps.lamp_is("queue-support", "lit")
    lamps.lamp_is("queue", "lit")
    assert lamps.lamp("queue-office") == "dark"
    second.hangs_up()
    lamps.lamp_is("queue-support", "dark")
    lamps.lamp_is("queue", "dark")
    first.hangs_up()


def test_the_lamps_are_right_without_the_supervisor(make_office: Callable[..., SimulatedOffice]) -> None:
    office = make_office()
    with lamps_of(office, "desk_3") as lamps:
        for extension in ("*80", "21", "queue-support"):
            lamps.watch(extension)
        office.sets("anna", "available")
        first, second, desk = (
            office.caller("+491701111111"),
            office.caller("+491702222222"),
            office.desk("anna"),
        )
        first.dials("0931 555-10")
        desk.answers()
        second.dials("0931 555-10")
        second.hears("all-busy")
        lamps.lamp_is("queue-support", "lit")
        office.kill_supervisor()
        second.hears_music()
        lamps.lamp_is("queue-support", "blinking")  # it waits in the floor's own queue
        second.hangs_up()
        lamps.lamp_is("queue-support", "dark")
        desk.hangs_up()
        lamps.lamp_is("21", "dark")
        desk.dials("*72").hears("presence-away")
        lamps.lamp_is("21", "lit")
        office.desk("bert").dials("*80").hears("night-mode-night")
        lamps.lamp_is("*80", "lit")
        office.asterisk_restarts()
    with lamps_of(office, "desk_3") as lamps:
        for extension in ("*80", "21"):
            lamps.watch(extension)
            lamps.lamp_is(extension, "lit")
        office.start_supervisor()
        office.sets("anna", "available")
        lamps.lamp_is("21", "dark")
        assert lamps.lamp("*80") == "lit"


def test_a_state_somebody_else_has_changed_is_put_right(office: SimulatedOffice, lamps: BusyLamps) -> None:
    lamps.watch("*80")
    office.asterisk.ask("devstate change Custom:night INUSE")
    lamps.lamp_is("*80", "lit")
    lamps.lamp_is("*80", "dark")


def test_what_is_not_there_cannot_be_watched(office: SimulatedOffice, lamps: BusyLamps) -> None:
    with pytest.raises(NotHappened, match="may not watch hours-nobody: 404"):
        lamps.watch("hours-nobody")
    with (
        BusyLamps(office.settings.sip_address, office.settings.sip_port, "desk_3", "guessed") as stranger,
        pytest.raises(NotHappened, match="may not watch 21: 401"),
    ):
        stranger.watch("21")


def test_asterisk_knows_every_hint(office: SimulatedOffice) -> None:
    hints = dict(
        re.findall(r"^(\S+)@directory\s+: (\S+)", office.asterisk.ask("core show hints"), re.MULTILINE)
    )
    assert set(hints) == {
        *("*80", "21", "22", "23", "queue"),
        *("hours-support", "hours-office", "queue-support", "queue-office"),
    }
