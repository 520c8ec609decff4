"""The hand-overs the floor goes by say what the domain says; the command and the status show them."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlite_utils import Database

from appliance.cli import main
from appliance.hotline.on_call import OnCallPhone, on_duty
from appliance.settings import Settings
from appliance.status import complaints, look
from appliance.store import times
from appliance.store.config import import_config, read_config
from appliance.store.database import data_version, open_store
from appliance.store.migrations import NOW
from appliance.store.on_call import duties_now, on_call, refresh_duties, rotas
from tests.unit.test_config import GOOD
from tests.unit.test_config_rota import WITH_ROTA

SATURDAY = datetime(2026, 10, 24, 10, tzinfo=UTC)  # the clock goes back in the night
SALES = """
[[department]]
name = "sales"
title = "Verkauf"
mailbox = "verkauf@musterbuero.example"
numbers = ["0931 555-30"]
hours = { mon-fri = "08:00-17:00" }
[[rota]]
department = "sales"
duties = { anna = ["anna"] }
weekdays = { mon-fri = "anna" }
hand_over = "sun 02:30"
"""


@pytest.fixture
def db(tmp_path: Path) -> Database:
    db = open_store(tmp_path / "freizeichen.db", durable=False)
    import_config(db, read_config(WITH_ROTA + SALES))
    return db


def view_at(db: Database, instant: datetime) -> dict[str, str]:
    """What the view `on_duty` says when it is `instant`: its own text with another clock."""
    (text,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'on_duty'").fetchone()
    assert NOW in text
    select = text.partition(" AS\n")[2].replace(NOW, f"'{times.to_text(instant)}'")
    return {row["department"]: row["duty"] for row in db.query(select)}


def said(db: Database, instant: datetime) -> dict[str, str]:
    """What the domain says of every rota."""
    return {name: on_duty(rota, instant) for name, rota in rotas(db).items()}


def test_the_floor_and_the_domain_agree_for_five_weeks(db: Database) -> None:
    refresh_duties(db, SATURDAY)
    seen = set()
    for minutes in range(0, 35 * 24 * 60, 15):
        instant = SATURDAY + timedelta(minutes=minutes)
        assert view_at(db, instant) == said(db, instant), instant
        seen |= set(said(db, instant).items())
    assert seen == {("support", "anna"), ("support", "bert"), ("sales", "anna"), ("sales", "")}


def test_the_floor_and_the_domain_agree_all_year(db: Database) -> None:
    chance, begin = random.Random(1), datetime(2025, 12, 30, tzinfo=UTC)
    for weeks in range(0, 54, 4):  # Python is away four weeks at a time
        refresh_duties(db, begin + timedelta(weeks=weeks))
        for minutes in chance.sample(range(28 * 24 * 60), 300):
            instant = begin + timedelta(weeks=weeks, minutes=minutes)
            assert view_at(db, instant) == said(db, instant), instant


def test_nothing_is_written_until_something_changed(db: Database, tmp_path: Path) -> None:
    watcher = open_store(tmp_path / "freizeichen.db")
    assert refresh_duties(db, SATURDAY)
    before = data_version(watcher)
    for hours in range(1, 14):
        assert not refresh_duties(db, SATURDAY + timedelta(hours=hours))
    assert data_version(watcher) == before
    db.execute("DELETE FROM duty_weekdays")
    db.conn.commit()
    assert refresh_duties(db, SATURDAY)
    assert view_at(db, SATURDAY)["sales"] == ""


def test_the_phones_come_in_their_order_with_the_department_s_number(db: Database) -> None:
    many = ", ".join(f'"0171 23456{n:02}"' for n in range(1, 12))
    text = WITH_ROTA.replace('"0171 2345678", "anna"', f'{many}, "anna"').replace("weekdays =", "# =")
    import_config(db, read_config(text.replace('bert = ["+43 660 1234567"]', 'bert = ["anna"]')))
    db.execute("UPDATE duty_schedule SET duty = 'anna'")
    found = on_call(db, "support")
    numbers = [f"+4917123456{n:02}" for n in range(1, 12)]
    assert [phone.name for phone in found.phones] == [*numbers, "anna"], "the eleventh is not the second"
    assert found.phones[-1] == OnCallPhone("anna", "PJSIP/desk_1", "")
    assert (found.ring_seconds, found.department_prompt) == (25, "menu-support")
    assert found.shown_number == "+4993155510"
    entry = next(db.query("SELECT * FROM on_call WHERE entry = 'support/2'"))
    assert (entry["name"], entry["device"], entry["number"]) == (numbers[1], "", numbers[1])
    db.execute("UPDATE duty_schedule SET duty = ''")
    assert on_call(db, "support").phones == ()
    assert on_call(db, "sales").phones == ()
    assert on_call(db, "nowhere").phones == ()


def test_who_is_on_duty_when_it_is_handed_over_and_where_nobody_is(db: Database) -> None:
    now = datetime(2026, 12, 2, 12, tzinfo=UTC)
    sales, support = duties_now(db, now)
    assert (sales.duty, sales.title, sales.next_duty) == ("anna", "Verkauf", "")
    assert sales.next_at == datetime(2026, 12, 5, 1, 30, tzinfo=UTC)
    assert sales.gap_at == sales.next_at
    assert (support.duty, support.next_duty, support.gap_at) == ("anna", "bert", None)
    assert support.next_at == datetime(2026, 12, 5, 7, tzinfo=UTC)


def test_the_command_shows_it_for_people_and_for_programs(tmp_path: Path, db: Database) -> None:
    words = ["--state", str(tmp_path), "oncall"]
    told = CliRunner(env={"LC_ALL": "de_DE.UTF-8"}).invoke(main, words)
    assert told.exit_code == 0
    assert "Technik: " in told.output
    assert "0171 2345678, anna" in told.output or "+43 660 1234567" in told.output
    assert "ist geschlossen und niemand hat Dienst." in told.output
    assert "it is closed with nobody on duty." in CliRunner(env={"LC_ALL": "C"}).invoke(main, words).output
    rows = json.loads(CliRunner().invoke(main, [*words, "--json"]).output)
    assert [row["department"] for row in rows] == ["sales", "support"]
    assert set(rows[0]) == {"department", "title", "duty", "phones", "next_at", "next_duty", "gap_at"}
    assert rows[0]["gap_at"]
    assert rows[1]["gap_at"] == ""
    import_config(db, read_config(GOOD))
    assert "keine" in CliRunner(env={"LC_ALL": "de_DE.UTF-8"}).invoke(main, words).output.casefold()


def test_the_status_complains_of_a_gap_and_of_an_announcement_without_a_sound(
    tmp_path: Path, db: Database
) -> None:
    settings = Settings(tmp_path, manager_port=1)
    state = look(db, settings, None)
    assert [gap.partition(",")[0] for gap in state["rota_gaps"]] == ["Verkauf"]
    german, english = (
        [text for text in complaints(state, language) if "Verkauf" in text] for language in ("de", "en")
    )
    assert len(german) == len(english) == 1
    assert german != english
    text = WITH_ROTA.replace('title = "Technik"', 'title = "Technik"\nmenu_prompt = "menu-technik"')
    import_config(db, read_config(text))
    state = look(db, settings, None)
    assert state["rota_gaps"] == []
    assert "menu-technik (de)" in state["prompts_missing"]
    import_config(db, read_config(GOOD))
    assert look(db, settings, None)["rota_gaps"] == []
