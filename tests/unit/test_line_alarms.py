"""Lines in trouble: when the office is written about them, and what the mail says."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.hotline.line_states import MAIL_PAUSE, LineState, Trouble, to_be_mailed
from appliance.mail.line_letter import LineLetterFacts, build_line_letter
from appliance.store import line_alarms
from appliance.store.lines import keep_line_states
from tests.unit.seed import seeded_store

BEGAN = datetime(2026, 11, 25, 16, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GOOD = LineState("isdn", "bri-ptp", 2, 0, 2, Trouble.NONE, BEGAN)
DEAD = replace(GOOD, free=0, trouble=Trouble.NO_SIGNAL)


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return seeded_store(tmp_path / "freizeichen.db")


def test_a_trouble_is_mailed_once_it_has_lasted() -> None:
    assert to_be_mailed([DEAD, GOOD], BEGAN + MINUTE, 2 * MINUTE, {}) == []
    assert to_be_mailed([DEAD, GOOD], BEGAN + 2 * MINUTE, 2 * MINUTE, {}) == [DEAD]


def test_the_same_trouble_is_mailed_once_and_a_new_one_again_but_not_at_once() -> None:
    mailed = {"isdn": (BEGAN, BEGAN + MINUTE)}
    assert to_be_mailed([DEAD], BEGAN + 10 * MAIL_PAUSE, MINUTE, mailed) == []
    again = replace(DEAD, since=BEGAN + 5 * MINUTE)
    assert to_be_mailed([again], BEGAN + 10 * MINUTE, MINUTE, mailed) == []
    assert to_be_mailed([again], BEGAN + MINUTE + MAIL_PAUSE, MINUTE, mailed) == [again]


def test_a_clock_that_was_set_back_keeps_no_trouble_secret() -> None:
    mailed = {"isdn": (BEGAN + 99 * MAIL_PAUSE, BEGAN + 100 * MAIL_PAUSE)}
    assert to_be_mailed([DEAD], BEGAN + MINUTE, MINUTE, mailed) == [DEAD]


def test_the_mail_is_in_the_outbox_once(db: Database) -> None:
    keep_line_states(db, [DEAD], BEGAN)
    assert not line_alarms.report(db, BEGAN + MINUTE, 2 * MINUTE)
    assert line_alarms.report(db, BEGAN + 2 * MINUTE, 2 * MINUTE)
    assert not line_alarms.report(db, BEGAN + 3 * MINUTE, 2 * MINUTE)
    rows = db.execute(
        "SELECT a.line, a.trouble, o.recipient FROM outbox AS o JOIN line_alarms AS a ON a.id = o.line_alarm"
    ).fetchall()
    assert [row[:2] for row in rows] == [("isdn", "no signal")]
    assert "@" in rows[0][2]


def test_a_mail_that_cannot_be_kept_whole_is_not_kept(db: Database) -> None:
    keep_line_states(db, [DEAD], BEGAN)
    db.execute("CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(sqlite3.DatabaseError, match="disk full"):
        line_alarms.report(db, BEGAN + MINUTE, MINUTE)
    db.execute("DROP TRIGGER full")
    assert line_alarms.report(db, BEGAN + MINUTE, MINUTE)


def test_what_was_noted_goes_when_trouble_and_mail_are_over(db: Database) -> None:
    keep_line_states(db, [DEAD], BEGAN)
    line_alarms.report(db, BEGAN + MINUTE, MINUTE)

    def left() -> int:
        line_alarms.forget(db, BEGAN + timedelta(days=90))
        return int(db.execute("SELECT count(*) FROM line_alarms").fetchone()[0])

    assert left() == 1, "the mail still needs it"
    db.execute("DELETE FROM outbox")
    assert left() == 1, "the trouble goes on: it must not be mailed again"
    keep_line_states(db, [GOOD], BEGAN + MINUTE)
    assert left() == 0


@pytest.mark.parametrize(
    ("language", "subject", "beginning"),
    [
        (
            "de",
            "Leitung isdn gestört",
            "Leitung isdn: kein Signal, bitte das Kabel prüfen. So ist es seit 25.11.2026, 17:02 Uhr.",
        ),
        (
            "en",
            "Trouble on line isdn",
            "Line isdn: no signal, check the cable. It has been so since 2026-11-25, 17:02.",
        ),
    ],
)
def test_the_letter_says_what_is_wrong_and_since_when(language: str, subject: str, beginning: str) -> None:
    letter = build_line_letter(
        LineLetterFacts(
            message_id="<line-1@freizeichen.local>",
            language=language,
            sender="telefon@firma.example",
            recipient="buero@firma.example",
            office="Müller & Söhne",
            time_zone="Europe/Berlin",
            line="isdn",
            trouble=Trouble.NO_SIGNAL,
            since=BEGAN,
            noticed_at=BEGAN + MINUTE,
        )
    )
    assert letter["Subject"] == subject
    assert letter["Message-ID"] == "<line-1@freizeichen.local>"
    text = " ".join(letter.get_content().split())
    assert text.startswith(beginning)
    assert text.endswith("-- Müller & Söhne")
