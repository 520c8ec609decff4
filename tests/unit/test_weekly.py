"""The weekly report: due once a week by the office's clock, put into the outbox once, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlite_utils import Database

from appliance.hotline.weekly import last_day_of_report
from appliance.mail.outbox import Outbox
from appliance.store import people, times, weekly
from appliance.store.database import open_store
from tests.unit.fake_smtp import FakeSmtp
from tests.unit.seed import seeded_store
from tests.unit.test_backup import add_call

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY_6 = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # six in Berlin
SUNDAY = date(2026, 11, 22)
WEEK = timedelta(days=7)


@pytest.mark.parametrize(
    ("weekday", "now", "expected"),
    [
        ("mon", MONDAY_6, SUNDAY),
        ("mon", MONDAY_6 - timedelta(seconds=1), SUNDAY - WEEK),
        ("mon", MONDAY_6 + timedelta(days=6, hours=23), SUNDAY),
        ("tue", MONDAY_6, date(2026, 11, 16)),
        ("sun", MONDAY_6, date(2026, 11, 21)),
        ("mon", datetime(2026, 3, 30, 3, 59, tzinfo=UTC), date(2026, 3, 22)),  # summer time began on Sunday
        ("mon", datetime(2026, 3, 30, 4, 0, tzinfo=UTC), date(2026, 3, 29)),
        ("mon", datetime(2026, 10, 26, 5, 0, tzinfo=UTC), date(2026, 10, 25)),  # and it ended
        ("mon", datetime(2026, 10, 26, 4, 59, tzinfo=UTC), date(2026, 10, 18)),
    ],
)
def test_it_is_due_at_six_on_its_weekday(weekday: str, now: datetime, expected: date) -> None:
    assert last_day_of_report(weekday, BERLIN, now) == expected


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = seeded_store(tmp_path / "store.db")
    yield db
    db.close()


def want(db: Database, mailbox: str = "chef@office.example", weekday: str = "mon") -> None:
    db.execute("UPDATE office SET report_mailbox = ?, report_weekday = ?", [mailbox, weekday])


def mails(db: Database) -> list[tuple[str, str]]:
    return db.execute(
        "SELECT r.last_day, o.recipient FROM outbox AS o JOIN weekly_reports AS r ON r.id = o.weekly_report"
    ).fetchall()


def test_nobody_who_does_not_want_it_gets_one(db: Database) -> None:
    assert not weekly.put_report(db, MONDAY_6)
    assert mails(db) == []


def test_a_report_on_its_way_lights_no_lamp_of_messages(db: Database) -> None:
    want(db)
    weekly.put_report(db, MONDAY_6)
    assert weekly.put_report(db, MONDAY_6 + WEEK)
    assert people.undelivered_messages(db) == 0


def test_once_a_week_whatever_is_restarted_and_from_the_next_week_on(db: Database, tmp_path: Path) -> None:
    want(db)
    assert not weekly.put_report(db, MONDAY_6 + timedelta(days=2)), "that week was over before it was wanted"
    for week in (1, 2):
        for minutes in range(0, 600, 7):
            again = open_store(tmp_path / "store.db")  # as after a power cut
            weekly.put_report(again, MONDAY_6 + week * WEEK + timedelta(minutes=minutes - 60))
            again.close()
    assert mails(db) == [("2026-11-29", "chef@office.example"), ("2026-12-06", "chef@office.example")]


def test_a_box_that_was_off_on_that_day_sends_it_later_and_only_the_newest(db: Database) -> None:
    want(db)
    weekly.put_report(db, MONDAY_6)
    assert weekly.put_report(db, MONDAY_6 + 3 * WEEK + timedelta(days=4))
    assert [last for last, _ in mails(db)] == ["2026-12-13"]


def test_a_clock_that_goes_back_sends_nothing_twice(db: Database) -> None:
    want(db)
    weekly.put_report(db, MONDAY_6)
    assert weekly.put_report(db, MONDAY_6 + WEEK)
    assert not weekly.put_report(db, MONDAY_6)
    assert not weekly.put_report(db, MONDAY_6 + WEEK)


def test_what_was_noted_long_ago_goes_and_the_newest_stays(db: Database) -> None:
    want(db)
    for week in range(4):
        weekly.put_report(db, MONDAY_6 + week * WEEK)
    db.execute("DELETE FROM outbox")
    weekly.forget_reports(db, MONDAY_6 + 9 * WEEK)
    assert db.execute("SELECT last_day FROM weekly_reports").fetchall() == [("2026-12-13",)]
    assert not weekly.put_report(db, MONDAY_6 + 3 * WEEK)


@pytest.mark.parametrize("language", ["de", "en"])
def test_it_arrives_once_with_the_weeks_numbers(db: Database, tmp_path: Path, language: str) -> None:
    want(db)
    db.execute("UPDATE office SET language = ?, name = 'Müller & <Söhne>'", [language])
    first = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # a Tuesday
    for number in range(3):
        add_call(db, f"t{number}", "talked", "+49931555001", started_at=times.to_text(first),
                 waits_since=times.to_text(first), connected_at=times.to_text(first + timedelta(seconds=75)),
                 ended_at=times.to_text(first + timedelta(seconds=200)))  # fmt: skip
    add_call(db, "m", "hung up", "+49931555002", started_at=times.to_text(first + timedelta(days=1)))
    add_call(db, "b", "talked", "+49931555003", started_at=times.to_text(first - WEEK))
    weekly.put_report(db, MONDAY_6)
    weekly.put_report(db, MONDAY_6 + WEEK)
    with FakeSmtp() as server:
        db.execute(
            "INSERT INTO mail_server VALUES (1, '127.0.0.1', ?, 'none', '', '', 'box@office.example')",
            [server.port],
        )
        for _ in range(2):  # and after a restart
            outbox = Outbox(tmp_path / "store.db", tmp_path)
            outbox.start()
            server.wait_until(lambda server: bool(server.taken))
            outbox.stop()
        assert len(server.taken) == 1
        letter = server.taken[0].letter
    assert isinstance(letter, EmailMessage)
    text, page = (part.get_content().replace("\r\n", "\n") for part in letter.iter_parts())
    assert letter["To"] == "chef@office.example"
    if language == "de":
        assert letter["Subject"] == "Wochenbericht 23.11.2026 bis 29.11.2026: 4 Anrufe"
        assert "Mittlere Wartezeit: 1:15\n" in text
        assert "\nDienstag: 3\n" in text
    else:
        assert letter["Subject"] == "Weekly report 2026-11-23 to 2026-11-29: 4 calls"
        assert "\nTuesday: 3\n" in text
    for words in ("Technik: 4", "1:15"):
        assert words in text
    assert "M\xfcller &amp; &lt;S\xf6hne&gt;" in page
    assert page.count("scope='row'") == 8  # seven days, one department
    for personal in ("555001", "555002", "555003"):
        assert personal not in letter.as_string()
