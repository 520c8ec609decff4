"""A year of calls against generated opening rules: Python, the floor's view and a calendar of paper agree."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from appliance.hotline.hours import opening
from appliance.store import night
from appliance.store.database import open_store
from appliance.store.schedule import department_hours
from tests.unit.opening_rules import (
    AWAY,
    BEGIN,
    BLOCKS,
    MINUTE,
    PaperCalendar,
    Rules,
    rules,
    schedule_from,
    write_rules,
)
from tests.unit.seed import NEW_DEPARTMENT, NEW_OFFICE
from tests.unit.test_schedule import view_at

HOUR = timedelta(hours=1)
NAMES = ("one", "two", "three")


def calls_of(chance: random.Random, begin: datetime, papers: Iterable[PaperCalendar]) -> list[datetime]:
    """When somebody calls in the two weeks from `begin`: at any time, and around openings and closings."""
    found = [begin + chance.randrange(14 * 1440) * MINUTE for _ in range(12)]
    for paper in papers:
        turns = [at for at in paper.turns if begin < at < begin + AWAY]
        twice = [at for at in turns if at - HOUR in turns or at + HOUR in turns]  # when clocks are put back
        for at in [*chance.sample(turns, min(8, len(turns))), *chance.sample(twice, min(4, len(twice)))]:
            found += [at - MINUTE, at]
    return sorted(found)


# Without shrinking: a year that fails is told as it is.
@settings(max_examples=15, phases=[Phase.generate])
@given(office=rules(NAMES), seed=st.integers(0, 1_000_000))
def test_a_year_of_calls_finds_the_same_opening_everywhere(office: Rules, seed: int) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        db = open_store(Path(folder) / "store.db", durable=False)
        db.execute(f"{NEW_OFFICE} (1, 'Musterbüro', 'de', 'DE', '0931', 'Europe/Berlin', 90)")
        for name in NAMES:
            db.execute(f"{NEW_DEPARTMENT} (?, 'T', 'de', 'a@x.example', 'greeting', 0, 20, 15, 180)", [name])
        write_rules(db, office)
        hours, ignoring = department_hours(db), night.ignore_night_switch(db)
        papers = {name: PaperCalendar(office, name) for name in NAMES}
        for block in BLOCKS:
            begin = BEGIN + block * AWAY
            schedule_from(db, begin)  # from here on Python is away
            for instant in calls_of(chance, begin, papers.values()):
                mode = office.mode(instant)
                night.set_night_mode(db, mode, "phone desk_1", instant)
                floor = view_at(db, instant)
                for name in NAMES:
                    paper = papers[name].says(instant)
                    ignores = name in ignoring
                    ours = opening(hours[name], mode, instant, ignores_night_switch=ignores)
                    assert ours.state == paper, (name, instant)
                    assert floor[name] == paper, (name, instant)
        db.close()
