"""Presses of boxes in the store: each once, by the right agent, and no more than a person makes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.hotline.lamps import Pattern
from appliance.hotline.presence import Press as Meaning
from appliance.panel.desk_boxes import PortDesk, meaning
from appliance.panel.line import Shown
from appliance.panel.messages import Lamp, Length, Press
from appliance.store import boxes, people, times
from appliance.store.changes import BY_COMMAND
from appliance.store.database import open_store
from tests.unit.seed import seeded_store

ANNAS = "0000000000000a0a"


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return seeded_store(tmp_path / "store.db")


@pytest.fixture
def desk(db: Database, tmp_path: Path) -> PortDesk:
    desk = another_desk(tmp_path, lambda _: Pattern.GREEN)
    desk.appeared(ANNAS, "00")
    boxes.pair(db, ANNAS, "anna")
    return desk


def another_desk(folder: Path, pattern: Callable[[str], Pattern | None]) -> PortDesk:
    """The office as a port sees it after a restart."""
    return PortDesk(open_store(folder / "store.db"), "/dev/x", pattern, on_press=lambda: None)


def press(number: int, shown: Lamp = Lamp.GREEN, *, length: Length = Length.SHORT, age: float = 0) -> Press:
    return Press(number, length, shown, age)


def test_each_press_once_whoever_starts_again(db: Database, desk: PortDesk, tmp_path: Path) -> None:
    assert desk.take(ANNAS, 7, [press(1), press(2)]) == 2
    assert desk.take(ANNAS, 7, [press(1), press(2), press(3)]) == 3
    assert another_desk(tmp_path, lambda _: None).take(ANNAS, 7, [press(2), press(3)]) == 3
    assert people.take_presses(db) == [("agent:anna", Meaning.SHORT)] * 3
    assert desk.take(ANNAS, 8, [press(1)]) == 1, "the box has started again and counts from one"
    assert people.take_presses(db) == [("agent:anna", Meaning.SHORT)]


@pytest.mark.parametrize(
    ("shown", "length", "means"),
    [
        (Lamp.GREEN, Length.SHORT, Meaning.SHORT),
        (Lamp.OFF, Length.SHORT, Meaning.SHORT),
        (Lamp.RED, Length.SHORT, Meaning.SHORT),
        (Lamp.RINGING, Length.SHORT, Meaning.NOT_NOW),
        (Lamp.RINGING, Length.LONG, Meaning.LONG),
        (Lamp.GREEN, Length.LONG, Meaning.LONG),
        (Lamp.UNKNOWN, Length.SHORT, None),
        (Lamp.UPDATING, Length.SHORT, None),
        (Lamp.PAIRING, Length.SHORT, None),
        (Lamp.UNPAIRED, Length.LONG, None),
    ],
)
def test_a_press_means_what_the_lamp_asked(shown: Lamp, length: Length, means: Meaning | None) -> None:
    assert meaning(press(1, shown, length=length)) is means


def test_what_was_pressed_too_long_ago_does_nothing(db: Database, desk: PortDesk) -> None:
    desk.take(ANNAS, 7, [press(1, age=9), press(2, age=11), press(3, age=25.5)])
    assert people.take_presses(db) == [("agent:anna", Meaning.SHORT)]


def test_a_contact_that_cannot_stop_does_not_fill_the_store(db: Database, desk: PortDesk) -> None:
    assert desk.take(ANNAS, 7, [press(number) for number in range(1, 1001)]) == 1000
    assert 20 <= len(people.take_presses(db)) < 60


def test_a_press_on_nobodys_box_is_nobodys(db: Database, desk: PortDesk) -> None:
    boxes.unpair(db, ANNAS, BY_COMMAND)
    assert desk.take(ANNAS, 7, [press(1)]) == 1
    assert people.take_presses(db) == []


def test_only_a_press_on_a_lamp_that_asks_for_it_pairs(db: Database, desk: PortDesk) -> None:
    boxes.unpair(db, ANNAS, BY_COMMAND)
    assert desk.shown(ANNAS) == Shown(Lamp.UNPAIRED)
    boxes.begin_pairing(db, "bert", times.now())
    assert desk.shown(ANNAS) == Shown(Lamp.PAIRING)
    desk.take(ANNAS, 7, [press(1, Lamp.UNPAIRED)])
    assert boxes.all_boxes(db)[0].agent == "", "pressed before it blinked"
    desk.take(ANNAS, 7, [press(2, Lamp.PAIRING), press(3, Lamp.PAIRING)])
    assert boxes.all_boxes(db)[0].agent == "bert"
    assert boxes.open_pairing(db) is None
    assert people.take_presses(db) == []
    assert desk.shown(ANNAS) == Shown(Lamp.GREEN, sound=True)


def test_pairing_ends_by_itself(db: Database, desk: PortDesk) -> None:
    boxes.unpair(db, ANNAS, BY_COMMAND)
    boxes.begin_pairing(db, "bert", times.now() - timedelta(seconds=boxes.PAIRING_SECONDS))
    assert desk.shown(ANNAS) == Shown(Lamp.UNPAIRED)
    desk.take(ANNAS, 7, [press(1, Lamp.PAIRING)])
    assert boxes.all_boxes(db)[0].agent == ""


def test_a_box_that_is_paired_is_not_taken_from_its_agent(db: Database, desk: PortDesk) -> None:
    boxes.begin_pairing(db, "bert", times.now())
    assert desk.shown(ANNAS).lamp is Lamp.GREEN
    desk.take(ANNAS, 7, [press(1)])
    assert boxes.all_boxes(db)[0].agent == "anna"


def test_nobody_is_paired_who_is_not_there(db: Database) -> None:
    with pytest.raises(LookupError):
        boxes.begin_pairing(db, "nobody", times.now())
    assert boxes.open_pairing(db) is None


def test_a_picture_nobody_confirms_is_unknown(desk: PortDesk, tmp_path: Path) -> None:
    assert desk.shown(ANNAS).lamp is Lamp.GREEN
    assert another_desk(tmp_path, lambda _: None).shown(ANNAS).lamp is Lamp.UNKNOWN


def test_a_box_that_moved_is_not_told_gone_by_its_old_port(db: Database, desk: PortDesk) -> None:
    boxes.note_there(db, ANNAS, "/dev/y", "00", times.now())
    desk.gone(ANNAS)
    assert boxes.all_boxes(db)[0].port == "/dev/y"


def test_an_import_of_the_configuration_keeps_who_has_which_box(db: Database) -> None:
    boxes.note_there(db, ANNAS, "/dev/y", "00", times.now())
    boxes.pair(db, ANNAS, "anna")
    db.execute("DELETE FROM agents WHERE name = 'anna'")
    assert boxes.all_boxes(db)[0].agent == ""
    db.execute("INSERT INTO agents VALUES ('anna', 'Anna Berg', 'desk_1')")
    assert boxes.all_boxes(db)[0].agent == "anna"
