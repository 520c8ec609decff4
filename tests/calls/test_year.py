"""A year of opening rules on real Asterisk alone: Python was there for a moment, then away for two weeks.

Its clock cannot be moved, so the schedule is: shifted as a whole, any instant of the year becomes now.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from appliance.simulator.office import SimulatedOffice
from appliance.store import night, times
from appliance.store.database import exclusive
from appliance.telephony.box import manager_secret
from appliance.telephony.manager import ManagerLink
from tests.calls.conftest import OFFICE
from tests.unit.opening_rules import (
    AWAY,
    BEGIN,
    BLOCKS,
    PaperCalendar,
    Rules,
    rules,
    schedule_from,
    write_rules,
)
from tests.unit.test_year import calls_of

NAMES = ("support", "office")
HALF_A_MINUTE = timedelta(seconds=30)  # between two minutes nothing opens or closes


@pytest.fixture
def alone(make_office: Callable[..., SimulatedOffice]) -> SimulatedOffice:
    """An office whose supervisor never started."""
    return make_office(supervisor=False)


def make_now(db: Database, schedule: Sequence[tuple[str, str, str]], instant: datetime) -> None:
    """Let it be `instant` now, as far as the schedule goes."""
    shift = times.now() - instant
    with exclusive(db):
        db.execute("DELETE FROM schedule")
        db.conn.executemany(
            "INSERT INTO schedule (department, at, state) VALUES (?, ?, ?)",
            [(name, times.to_text(times.from_text(at) + shift), state) for name, at, state in schedule],
        )


@contextmanager
def asked(office: SimulatedOffice) -> Iterator[Callable[[str], str]]:
    """Asks Asterisk whether a department is open, with the dialplan's own question."""
    secret = manager_secret(office.settings.asterisk)
    link = ManagerLink("127.0.0.1", office.settings.manager_port, "orders", secret, name="asking")
    link.start()
    assert link.wait_connected(10)

    def ask(department: str) -> str:
        question = {"Variable": f"REALTIME_FIELD(floor,department,{department},opening)"}
        return link.send("Getvar", question)["Value"]

    try:
        yield ask
    finally:
        link.stop()


def test_alone_asterisk_opens_and_closes_all_year_as_the_rules_say(alone: SimulatedOffice) -> None:
    with asked(alone) as ask:
        seen = set[str]()

        # Without shrinking: a year that fails is told as it is.
        @settings(max_examples=8, phases=[Phase.generate])
        @given(office=rules(NAMES), seed=st.integers(0, 1_000_000))
        def a_year(office: Rules, seed: int) -> None:
            chance = random.Random(seed)
            write_rules(alone.db, office)
            papers = {name: PaperCalendar(office, name) for name in NAMES}
            for block in BLOCKS:
                begin = BEGIN + block * AWAY
                schedule = schedule_from(alone.db, begin)
                for instant in chance.sample(calls_of(chance, begin, papers.values()), 8):
                    make_now(alone.db, schedule, instant + HALF_A_MINUTE)
                    night.set_night_mode(alone.db, office.mode(instant), "phone desk_1", times.now())
                    for name in NAMES:
                        state = ask(name)
                        assert state == papers[name].says(instant), (name, instant)
                        seen.add(state)

        a_year()
    assert seen == {"open", "closed"}


@pytest.mark.parametrize(
    ("instant", "prompt"),
    [
        ("2026-03-30T06:00:30+00:00", "nobody-present"),  # summer time has begun: 8:00 is two hours from UTC
        ("2026-10-26T06:59:30+00:00", "closed"),  # winter time: only 7:59
        ("2026-04-03T08:00:30+00:00", "closed"),  # Good Friday
    ],
)
def test_alone_a_call_hears_what_the_rules_say(
    make_office: Callable[..., SimulatedOffice], instant: str, prompt: str
) -> None:
    config = OFFICE.replace('mon-sun = "00:00-24:00"', 'mon-fri = "08:00-17:00"').replace(
        "closed_on_holidays = false", "closed_on_holidays = true"
    )
    office = make_office(config, supervisor=False)
    now = datetime.fromisoformat(instant)
    make_now(office.db, schedule_from(office.db, now - AWAY), now)
    caller = office.caller()
    caller.dials("0931 555-20")
    caller.hears(prompt, language="en", after=caller.hears("greeting", language="en"))
    caller.hangs_up()
