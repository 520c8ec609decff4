"""The night switch: who moved it, and whether it stands where it does because it was forgotten."""

from __future__ import annotations

import random
import sqlite3
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from appliance.hotline.hours import Hours, NightMode, Span, SpecialDays, changes, is_open
from appliance.hotline.night import NightSwitch, forgotten
from appliance.mail.night_letter import NightLetterFacts, build_night_letter, forgotten_in_words
from appliance.store import night, times
from appliance.store.changes import BY_PANEL, by_page
from appliance.store.database import open_store
from tests.unit.opening_rules import DAY, MINUTE
from tests.unit.seed import seeded_store

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = Hours(tuple(Span(day, 480, 1020) for day in range(5)), BERLIN)  # Monday to Friday, 8 to 17


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


FRIDAY_EVENING = at("2026-11-20 17:02")
MONDAY_MORNING = at("2026-11-23 08:00")
MONDAY_10 = at("2026-11-23 10:00")


def missed(mode: NightMode, since: datetime, now: datetime, *hours: Hours) -> datetime | None:
    found = forgotten(NightSwitch(mode, since, "page"), hours or (WEEK,), now)
    return found.missed_at if found else None


def test_night_mode_over_the_weekend_is_forgotten_on_monday() -> None:
    assert missed("night", FRIDAY_EVENING, at("2026-11-22 23:00")) is None
    assert missed("night", FRIDAY_EVENING, at("2026-11-23 08:29")) is None, "somebody may just be coming in"
    assert missed("night", FRIDAY_EVENING, at("2026-11-23 08:30")) == MONDAY_MORNING
    assert missed("night", FRIDAY_EVENING, at("2026-12-23 08:30")) == MONDAY_MORNING


def test_closing_early_is_meant_until_the_next_opening() -> None:
    noon = at("2026-11-20 12:00")
    assert missed("night", noon, at("2026-11-20 16:59")) is None
    assert missed("night", noon, MONDAY_10) == MONDAY_MORNING


def test_staying_on_after_hours_is_meant_for_three_hours() -> None:
    noon = at("2026-11-20 12:00")
    assert missed("day", noon, at("2026-11-20 19:59")) is None
    assert missed("day", noon, at("2026-11-20 20:00")) == at("2026-11-20 17:00")
    evening = at("2026-11-20 18:00")  # closed already: meant
    assert missed("day", evening, at("2026-11-23 16:59")) is None
    assert missed("day", evening, at("2026-11-23 20:00")) == at("2026-11-23 17:00")


def test_a_lunch_break_is_no_closing_and_a_holiday_no_opening() -> None:
    lunch = Hours(tuple(Span(day, *times) for day in range(5) for times in ((480, 720), (780, 1020))), BERLIN)
    assert missed("day", at("2026-11-20 09:00"), at("2026-11-20 16:00"), lunch) is None
    bridge = Hours(WEEK.spans, BERLIN, (SpecialDays(date(2026, 11, 23), date(2026, 11, 23)),))
    assert missed("night", FRIDAY_EVENING, MONDAY_10, bridge) is None
    assert missed("night", FRIDAY_EVENING, MONDAY_10, bridge, WEEK) == MONDAY_MORNING, "one of them is enough"


def test_on_automatic_or_followed_by_nobody_nothing_is_forgotten() -> None:
    assert missed("auto", FRIDAY_EVENING, MONDAY_10) is None
    assert forgotten(NightSwitch("night", FRIDAY_EVENING, ""), (), MONDAY_10) is None
    assert missed("night", FRIDAY_EVENING, MONDAY_10, Hours((), BERLIN)) is None, "it never opens"
    assert missed("night", MONDAY_10, FRIDAY_EVENING) is None, "the clock was set back"


@settings(max_examples=40)
@given(
    mode=st.sampled_from(["day", "night"]),
    since=st.integers(0, 14 * 1440),
    length=st.integers(0, 10 * 1440),
    seed=st.integers(0, 1000),
)
def test_forgotten_equals_a_look_at_the_clock_every_minute(
    mode: NightMode, since: int, length: int, seed: int
) -> None:
    chance = random.Random(seed)
    spans = tuple(Span(day, chance.randrange(0, 720), chance.randrange(721, 1441)) for day in range(0, 7, 2))
    hours = Hours(spans, BERLIN)
    begin = at("2026-10-20 00:00") + since * MINUTE  # the clock goes back on the 25th
    patience = 30 if mode == "night" else 180
    against = [is_open(hours, begin + minute * MINUTE) == (mode == "night") for minute in range(length + 1)]
    expected, run = None, 0
    meant = True  # what the hours said when it was moved, for as long as they go on saying it
    for minute, other in enumerate(against[:-1]):
        meant = meant and other
        run = run + 1 if other and not meant else 0
        if run == patience:
            expected = begin + (minute - patience + 1) * MINUTE
            break
    assert missed(mode, begin, begin + length * MINUTE, hours) == expected


@settings(max_examples=60)
@given(
    mode=st.sampled_from(["day", "night"]),
    length=st.integers(0, 60 * 1440),
    starts=st.integers(0, 20 * 1440),
    several=st.lists(
        st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1440)), max_size=4),
        max_size=3,
    ),
)
def test_stopping_at_the_first_missed_turn_finds_what_all_of_them_have_first(
    mode: NightMode, length: int, starts: int, several: list[list[tuple[int, int, int]]]
) -> None:
    against, patience = ("open", timedelta(minutes=30)) if mode == "night" else ("closed", timedelta(hours=3))
    since = at("2026-10-10 00:00") + starts * MINUTE
    now = since + length * MINUTE
    departments = [Hours(tuple(Span(*span) for span in spans), BERLIN) for spans in several]
    turns = [[*changes(hours, since, now)[1:], (now, against)] for hours in departments]
    every = [
        begin
        for each in turns
        for (begin, state), (end, _) in pairwise(each)
        if state == against and end - begin >= patience
    ]
    found = forgotten(NightSwitch(mode, since, "page"), departments, now)
    assert (found.missed_at if found else None) == min(every, default=None)


def test_a_switch_forgotten_for_years_is_found_by_looking_at_a_few_days() -> None:
    looked_at = set()

    class Calendar:
        def __contains__(self, day: object) -> bool:
            looked_at.add(day)
            return False

    hours = Hours(WEEK.spans, BERLIN, holidays=Calendar())
    assert missed("night", FRIDAY_EVENING, at("2031-11-20 12:00"), hours) == MONDAY_MORNING
    assert len(looked_at) < 10


# In the store


@pytest.fixture
def db(tmp_path: Path) -> Database:
    """Department `office` follows the switch, Monday to Friday; `support` is always open and ignores it."""
    db = seeded_store(tmp_path / "store.db")
    for day in range(5):
        db.execute("INSERT INTO opening_hours VALUES ('office', ?, '08:00', '17:00')", [day])
    return db


def test_moving_it_says_since_when_and_by_whom(db: Database) -> None:
    night.set_night_mode(db, "night", BY_PANEL, FRIDAY_EVENING)
    assert night.night_switch(db) == NightSwitch("night", FRIDAY_EVENING, "panel")
    night.set_night_mode(db, "night", by_page("ada"), MONDAY_10)
    assert night.night_switch(db) == NightSwitch("night", FRIDAY_EVENING, "panel")
    with pytest.raises(ValueError, match="dusk"):
        night.set_night_mode(db, "dusk", by_page("ada"), MONDAY_10)
    assert night.night_mode(db) == "night"


def test_asterisk_moves_it_with_two_plain_updates(db: Database) -> None:
    night.set_night_mode(db, "day", by_page("ada"), FRIDAY_EVENING)
    db.execute("UPDATE night_switch SET mode = 'night' WHERE id = '1'")
    assert night.night_switch(db).changed_by == "phone"
    since = night.night_switch(db).since
    assert since > FRIDAY_EVENING
    db.execute("UPDATE night_switch SET changed_by = 'phone desk_1' WHERE id = '1'")
    assert night.night_switch(db) == NightSwitch("night", since, "phone desk_1")


def test_one_reminder_for_each_time_it_was_forgotten(db: Database, tmp_path: Path) -> None:
    night.set_night_mode(db, "night", BY_PANEL, FRIDAY_EVENING)
    assert not night.remind(db, FRIDAY_EVENING + DAY)
    assert night.remind(db, MONDAY_10)
    assert not night.remind(db, MONDAY_10 + DAY)
    other = open_store(tmp_path / "store.db")
    assert not night.remind(other, MONDAY_10 + DAY)
    rows = list(db.query("SELECT recipient, language, delivered_at FROM outbox"))
    assert rows == [{"recipient": "o@x.example", "language": "de", "delivered_at": ""}]
    night.set_night_mode(db, "auto", BY_PANEL, MONDAY_10 + DAY)
    assert not night.remind(db, MONDAY_10 + 2 * DAY)
    night.set_night_mode(db, "night", BY_PANEL, MONDAY_10 + 2 * DAY)
    assert night.remind(db, MONDAY_10 + 3 * DAY)
    assert db.execute("SELECT count(*) FROM outbox").fetchone() == (2,)


def test_the_offices_own_mailbox_goes_before_a_departments(db: Database) -> None:
    db.execute("UPDATE office SET mailbox = 'chef@x.example', language = 'en'")
    night.set_night_mode(db, "night", BY_PANEL, FRIDAY_EVENING)
    assert night.remind(db, MONDAY_10)
    assert db.execute("SELECT recipient, language FROM outbox").fetchone() == ("chef@x.example", "en")


def test_nobody_is_reminded_for_departments_that_ignore_it(db: Database) -> None:
    db.execute("UPDATE departments SET ignores_night_switch = 1")
    night.set_night_mode(db, "night", BY_PANEL, FRIDAY_EVENING)
    assert not night.remind(db, MONDAY_10)


def test_a_reminder_that_cannot_be_kept_whole_is_not_kept(db: Database) -> None:
    night.set_night_mode(db, "night", BY_PANEL, FRIDAY_EVENING)
    db.execute("CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(sqlite3.DatabaseError, match="disk full"):
        night.remind(db, MONDAY_10)
    assert db.execute("SELECT count(*) FROM night_reminders").fetchone() == (0,)
    db.execute("DROP TRIGGER full")
    assert night.remind(db, MONDAY_10)


def test_old_reminders_go_when_the_switch_was_moved_and_the_mail_is_gone(db: Database) -> None:
    night.set_night_mode(db, "night", BY_PANEL, FRIDAY_EVENING)
    night.remind(db, MONDAY_10)

    def left() -> int:
        night.forget_reminders(db, MONDAY_10 + 90 * DAY)
        return int(db.execute("SELECT count(*) FROM night_reminders").fetchone()[0])

    assert left() == 1, "the mail still needs it"
    db.execute("DELETE FROM outbox")
    assert left() == 1, "the switch still stands there"
    night.set_night_mode(db, "auto", BY_PANEL, MONDAY_10)
    assert left() == 0


# The mail


@pytest.mark.parametrize(
    ("language", "subject", "sentences"),
    [
        (
            "de",
            "Nachtschalter vergessen?",
            "Der Nachtschalter steht seit Freitag, 20.11.2026, 17:02 Uhr auf Nacht."
            " Die Öffnungszeit begann am Montag, 23.11.2026, 08:00 Uhr."
            " Jetzt ist Montag, 23.11.2026, 10:00 Uhr. Anrufer hören, dass geschlossen ist.",
        ),
        (
            "en",
            "Night switch forgotten?",
            "The night switch has been at night since Friday, 2026-11-20, 17:02."
            " The opening hours began on Monday, 2026-11-23, 08:00."
            " It is now Monday, 2026-11-23, 10:00. Callers hear that the office is closed.",
        ),
    ],
)
def test_the_letter_says_since_when_and_what_to_do(language: str, subject: str, sentences: str) -> None:
    found = forgotten(NightSwitch("night", FRIDAY_EVENING, "panel"), [WEEK], MONDAY_10)
    assert found is not None
    letter = build_night_letter(
        NightLetterFacts(
            message_id="<night-1@freizeichen.local>",
            language=language,
            sender="telefon@firma.example",
            recipient="buero@firma.example",
            office="Müller & Söhne",
            time_zone="Europe/Berlin",
            forgotten=found,
            noticed_at=MONDAY_10,
        )
    )
    assert letter["Subject"] == subject
    assert letter["To"] == "buero@firma.example"
    text = " ".join(letter.get_content().split())
    assert text.startswith(sentences)
    assert "*83" in text
    assert text.endswith("-- Müller & Söhne")


@pytest.mark.parametrize(("language", "word"), [("de", "auf Tag"), ("en", "at day")])
def test_day_mode_has_its_own_words(language: str, word: str) -> None:
    found = forgotten(NightSwitch("day", FRIDAY_EVENING, ""), [WEEK], FRIDAY_EVENING + timedelta(days=7))
    assert found is not None
    assert word in forgotten_in_words(found, "Europe/Berlin", language)


def test_times_are_kept_as_they_were(db: Database) -> None:
    night.set_night_mode(db, "night", BY_PANEL, FRIDAY_EVENING)
    night.remind(db, MONDAY_10)
    row = next(db.query("SELECT since, missed_at, noticed_at FROM night_reminders"))
    assert [times.from_text(text) for text in row.values()] == [FRIDAY_EVENING, MONDAY_MORNING, MONDAY_10]
