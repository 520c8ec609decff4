"""Wishes to record by phone: begun once, answered when they are too old, and nothing is left lying about."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from appliance.recording_prompts import KIND, RecordingPrompts
from appliance.settings import Settings
from appliance.store import own_prompts, times, wishes
from appliance.store.changes import by_page
from appliance.telephony.fastagi import CallerHungUp
from appliance.telephony.manager import ActionRefused, ManagerLost
from appliance.telephony.record_call import record_prompt
from tests.unit.seed import seeded_store

Made = tuple[RecordingPrompts, Database, "Manager"]


class Manager:
    """Asterisk's manager: notes who is rung, and answers with an error when it has one."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.error: Exception | None = None
        self.asked = threading.Event()

    def originate(self, channel: str, _headers: Any, **_more: Any) -> None:
        self.rung.append(channel)
        self.asked.set()
        if self.error:
            raise self.error


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    settings, manager = Settings(tmp_path), Manager()
    settings.prompt_recordings.mkdir(parents=True)
    db = seeded_store(settings.store)
    yield RecordingPrompts(settings, manager), db, manager  # type: ignore[arg-type]
    db.close()


def ask(db: Database, *, seconds_ago: float = 0, phone: str = "desk_1") -> int:
    asked_at = times.now() - timedelta(seconds=seconds_ago)
    return wishes.ask(db, KIND, by_page("ada"), asked_at, prompt="greeting", language="de", phone=phone)


def answered(db: Database, number: int) -> str:
    """The answer; waits for the thread that gives it."""
    until = threading.Event()
    for _ in range(1000):
        found = wishes.wish(db, number)
        if found and found.answer:
            return str(found.answer["word"])
        until.wait(0.01)
    raise AssertionError("no answer")


def test_a_wish_is_begun_once_and_others_are_not_held_up(made: Made) -> None:
    recording, db, manager = made
    phone = db.execute("SELECT phone, device FROM devices ORDER BY phone").fetchone()
    ask(db, phone=phone[0])
    other = wishes.ask(db, "test mail", by_page("ada"), times.now(), recipient="a@example.org")
    for _ in range(3):
        recording.look(db)
    assert manager.asked.wait(10)
    assert manager.rung == [phone[1]]
    waiting = wishes.waiting(db)
    assert waiting
    assert waiting.id == other, "recording is not in the way of what is done one after the other"


def test_nobody_is_rung_for_an_old_wish(made: Made) -> None:
    recording, db, manager = made
    number = ask(db, seconds_ago=31)
    recording.look(db)
    assert answered(db, number) == "failed"
    assert manager.rung == []


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (ActionRefused("Originate", "no answer", {}), "no answer"),
        (ActionRefused("Originate", "busy", {}), "busy"),
        (ActionRefused("Originate", "failed", {}), "unreachable"),
        (ManagerLost("away"), "failed"),
    ],
)
def test_who_does_not_pick_up_is_told_why(made: Made, error: Exception, word: str) -> None:
    recording, db, manager = made
    phone = db.execute("SELECT phone FROM devices ORDER BY phone").fetchone()[0]
    manager.error = error
    number = ask(db, phone=phone)
    recording.look(db)
    assert answered(db, number) == word
    assert own_prompts.newest(db) == {}


def test_a_phone_there_is_not_is_not_rung_and_what_was_left_over_goes(made: Made, tmp_path: Path) -> None:
    recording, db, manager = made
    left = Settings(tmp_path).prompt_recordings / "7.wav"
    left.write_bytes(b"cut off by a power cut")
    number = ask(db, phone="nobody")
    recording.look(db)
    assert answered(db, number) == "unreachable"
    assert manager.rung == []
    recording.look(db)
    assert not left.exists()


class Leg:
    """A phone as the dialog sees it: notes what happens; hangs up where it is told to."""

    def __init__(self, *, hangs_up_at: str = "") -> None:
        self.happened: list[str] = []
        self.hangs_up_at = hangs_up_at

    def set(self, variable: str, value: str) -> None:
        self.happened.append(f"{variable} {value}")

    def play(self, sound: str, keys: str = "") -> str:
        assert keys == ""
        self._happens(Path(sound).name)
        return ""

    def run(self, application: str, *_arguments: str) -> None:
        self._happens(application)

    def _happens(self, what: str) -> None:
        if self.hangs_up_at and ("hangs up" in self.happened or what == self.hangs_up_at):
            self.happened.append("hangs up")
            raise CallerHungUp
        self.happened.append(what)


@pytest.mark.parametrize(("kept", "word"), [(True, "prompt-recorded"), (False, "prompt-not-recorded")])
def test_it_is_kept_before_it_is_said(kept: bool, word: str) -> None:
    leg = Leg()
    record_prompt(leg, Path("/p"), "de", Path("/r.wav"), lambda: leg.happened.append("keeps") or kept)  # type: ignore[arg-type,func-returns-value]
    assert leg.happened == ["CHANNEL(language) de", "leave-message", "Record", "keeps", word]


def test_who_ends_by_hanging_up_has_recorded_and_who_hangs_up_before_the_tone_has_not() -> None:
    for hangs_up_at, keeps in (("Record", True), ("leave-message", False)):
        leg = Leg(hangs_up_at=hangs_up_at)
        with pytest.raises(CallerHungUp):
            record_prompt(leg, Path("/p"), "de", Path("/r.wav"), lambda: bool(leg.happened.append("keeps")))  # type: ignore[arg-type,func-returns-value] # noqa: B023
        assert ("keeps" in leg.happened) is keeps
