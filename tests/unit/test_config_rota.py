"""The on-call rota in the config file: read, refused with the field that is wrong, written, kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.hotline.on_call import DutyDates, HandOver, Rota
from appliance.store.config import (
    ConfigError,
    DepartmentRota,
    export_config,
    import_config,
    read_config,
    write_config,
)
from appliance.store.config_checks import RESERVED
from appliance.store.database import open_store
from tests.unit.test_config import EXAMPLE, GOOD

ROTA = """
[[rota]]
department = "support"
duties = { anna = ["0171 2345678", "anna"], bert = ["+43 660 1234567"] }
weeks = ["anna", "bert", "anna"]
first_week = "2026-11-30"
hand_over = "mon 08:00"
weekdays = { sat-sun = "bert" }
dates = { "2026-12-24..2026-12-26" = "bert", 2026-12-31 = "anna" }
"""
WITH_ROTA = GOOD.replace('area_code = "0931"', 'area_code = "0931"\ncallback_countries = ["AT"]') + ROTA


def problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as refused:
        read_config(text)
    for problem in refused.value.problems:
        assert problem.text("de") != problem.text("en")
        assert problem.line
    return [(problem.code, problem.field) for problem in refused.value.problems]


def test_a_rota_is_read() -> None:
    (rota,) = read_config(WITH_ROTA).rotas
    assert rota == DepartmentRota(
        department="support",
        duties=(("anna", ("+491712345678", "anna")), ("bert", ("+436601234567",))),
        rota=Rota(
            HandOver(0, 480),
            ZoneInfo("Europe/Berlin"),
            ("anna", "bert", "anna"),
            date(2026, 11, 30),
            ((5, "bert"), (6, "bert")),
            (
                DutyDates(date(2026, 12, 24), date(2026, 12, 26), "bert"),
                DutyDates(date(2026, 12, 31), date(2026, 12, 31), "anna"),
            ),
        ),
        ring_seconds=25,
    )
    assert read_config(GOOD).rotas == ()


def test_what_is_written_is_read_back_and_the_store_keeps_it(tmp_path: Path) -> None:
    config = read_config(WITH_ROTA)
    text = write_config(config)
    assert read_config(text) == config
    assert '"anna" = ["0171 2345678", "anna"]' in text
    db = open_store(tmp_path / "store.db", durable=False)
    for wanted in (config, read_config(GOOD), config, config):
        import_config(db, wanted)
        assert export_config(db) == wanted
    assert db.execute("SELECT count(*) FROM duty_schedule").fetchone()[0] > 4


def test_the_example_shows_a_rota_that_can_be_taken_over() -> None:
    text = EXAMPLE.read_text()
    _, begin, commented = text.partition("# [[rota]]\n")
    assert begin
    lines = (begin + commented).splitlines()
    section = "\n".join(line.removeprefix("# ") for line in lines)
    (rota,) = read_config(f"{text}\n{section}\n").rotas
    assert replace(rota, duties=()) == replace(
        read_config(WITH_ROTA).rotas[0],
        department="accounting",
        duties=(),
        rota=rota.rota,
    ), "the values of the example are those that hold without it"
    assert rota.rota.weeks
    assert rota.rota.weekdays
    assert rota.rota.dates


@pytest.mark.parametrize(
    ("old", "new", "code", "field"),
    [
        ('"support"\nduties', '"suport"\nduties', "no such department", "rota.suport.department"),
        ('department = "support"\nduties', "duties", "missing", "rota.1.department"),
        ("duties = {", "duties = {} #", "duties", "rota.support.duties"),
        ("duties = {", 'duties = "anna" #', "duties", "rota.support.duties"),
        ('"anna"], bert', '"anne"], bert', "no such agent", "rota.support.duties.anna"),
        ('"anna"], bert', '"desk_1"], bert', "no such agent", "rota.support.duties.anna"),
        ('"anna"], bert', '""], bert', "no such agent", "rota.support.duties.anna"),
        ('"anna"], bert', '"anna", "anna"], bert', "twice", "rota.support.duties.anna"),
        ('"anna"], bert', '"0171/2345678"], bert', "twice", "rota.support.duties.anna"),
        ('["+43 660 1234567"]', "[]", "empty", "rota.support.duties.bert"),
        ('["+43 660 1234567"]', '"0171 1"', "not texts", "rota.support.duties.bert"),
        ('["+43 660 1234567"]', "[1]", "not texts", "rota.support.duties.bert"),
        ("+43 660 1234567", "+41 79 1234567", "on-call number", "rota.support.duties.bert"),
        ("+43 660 1234567", "0900 1234567", "on-call number", "rota.support.duties.bert"),
        ("+43 660 1234567", "110", "on-call number", "rota.support.duties.bert"),
        ("+43 660 1234567", "0931 555-10", "on-call number", "rota.support.duties.bert"),
        ("+43 660 1234567", "12", "telephone number", "rota.support.duties.bert"),
        ("bert = [", '"Der Bert" = ["0171 1234567"], bert = [', "not a name", "rota.support.duties.Der Bert"),
        ('"bert", "anna"]', '"brt", "anna"]', "no such duty", "rota.support.weeks"),
        ('["anna", "bert", "anna"]', '"anna"', "not texts", "rota.support.weeks"),
        ('first_week = "2026-11-30"', "", "missing", "rota.support.first_week"),
        ('"2026-11-30"', '"2026-11-31"', "date", "rota.support.first_week"),
        ('"2026-11-30"', "2026", "date", "rota.support.first_week"),
        ('"mon 08:00"', '"mon 25:00"', "hand-over", "rota.support.hand_over"),
        ('"mon 08:00"', '"mon 24:00"', "hand-over", "rota.support.hand_over"),
        ('"mon 08:00"', '"08:00"', "hand-over", "rota.support.hand_over"),
        ('"mon 08:00"', '"Montag 08:00"', "hand-over", "rota.support.hand_over"),
        ('"mon 08:00"', "8", "not text", "rota.support.hand_over"),
        ('sat-sun = "bert"', 'sa-so = "bert"', "day", "rota.support.weekdays.sa-so"),
        ('sat-sun = "bert"', 'sat-sun = "bob"', "no such duty", "rota.support.weekdays.sat-sun"),
        (
            'sat-sun = "bert"',
            'sat = "bert", sat-sun = "anna"',
            *("weekday twice", "rota.support.weekdays.sat-sun"),
        ),
        ('{ sat-sun = "bert" }', '"bert"', "plan of duties", "rota.support.weekdays"),
        ('2026-12-31 = "anna"', '2026-12-31 = "bob"', "no such duty", "rota.support.dates.2026-12-31"),
        ('2026-12-31 = "anna"', "2026-12-31 = 1", "plan of duties", "rota.support.dates"),
        ("2026-12-31 =", "2026-12-32 =", "dates", "rota.support.dates.2026-12-32"),
        (
            "2026-12-31 =",
            '"2026-12-31..2026-12-30" =',
            *("dates backwards", "rota.support.dates.2026-12-31..2026-12-30"),
        ),
        ("2026-12-31 =", "2026-12-26 =", "dates twice", "rota.support.dates.2026-12-26"),
        ("weeks = [", "ring_seconds = 4\nweeks = [", "range", "rota.support.ring_seconds"),
        ("weeks = [", "since = 2026-11-30\nweeks = [", "unknown", "rota.support.since"),
        ("[[rota]]", "[rota]", "not tables", "rota"),
        ('phone = "desk_1"\n', "", "missing", "agent.anna.phone"),
    ],
)
def test_one_mistake_is_one_problem_that_names_its_field(old: str, new: str, code: str, field: str) -> None:
    assert old in WITH_ROTA
    assert problems(WITH_ROTA.replace(old, new, 1)) == [(code, field)]


def test_a_rota_of_a_department_that_is_always_open_is_refused() -> None:
    begin, end = WITH_ROTA.index("hours = "), WITH_ROTA.index("[[phone]]")
    text = WITH_ROTA[:begin] + 'hours = "always"\n' + WITH_ROTA[end:]
    assert problems(text) == [("rota always open", "rota.support.department")]
    night = text.replace('hours = "always"', 'hours = "always"\nignores_night_switch = false')
    assert read_config(night).rotas, "the night switch closes it"


def test_a_second_rota_of_a_department_is_refused() -> None:
    assert problems(WITH_ROTA + ROTA) == [("twice", "rota.support.department")]


def test_a_rota_that_says_of_nobody_when_is_refused() -> None:
    text = WITH_ROTA.replace('weeks = ["anna", "bert", "anna"]', "").replace("weekdays =", "# weekdays =")
    assert problems(text) == [("rota without plan", "rota.support.weeks")]


def test_why_a_number_is_not_called_is_said_in_both_languages() -> None:
    with pytest.raises(ConfigError) as refused:
        read_config(WITH_ROTA.replace("+43 660 1234567", "0900 1234567"))
    (problem,) = refused.value.problems
    assert "besondere Gebühren" in problem.text("de")
    assert "special charges" in problem.text("en")


# Any rota there can be, and any damage


@st.composite
def rotas(draw: st.DrawFn) -> DepartmentRota:
    contacts = st.lists(
        st.sampled_from(["anna", "+491712345678", "+436601234567", "+4993155599"]), unique=True
    )
    duties = draw(
        st.dictionaries(
            st.from_regex(r"[a-z][a-z0-9_-]{0,30}", fullmatch=True).filter(lambda name: name not in RESERVED),
            contacts.filter(bool).map(tuple),
            min_size=1,
            max_size=4,
        )
    )
    names = st.sampled_from(sorted(duties))
    weekdays = draw(st.dictionaries(st.integers(0, 6), names))
    weeks = draw(st.lists(names, min_size=0 if weekdays else 1, max_size=5))
    dates, day = [], draw(st.dates(date(2026, 1, 1), date(2030, 1, 1)))
    for gap, length in draw(st.lists(st.tuples(st.integers(1, 90), st.integers(0, 40)), max_size=3)):
        first = day + timedelta(days=gap)
        day = first + timedelta(days=length)
        dates.append(DutyDates(first, day, draw(names)))
    return DepartmentRota(
        department="support",
        duties=tuple(duties.items()),
        rota=Rota(
            HandOver(draw(st.integers(0, 6)), draw(st.integers(0, 1439))),
            ZoneInfo("Europe/Berlin"),
            tuple(weeks),
            draw(st.dates(date(2020, 1, 1), date(2040, 1, 1))),
            tuple(sorted(weekdays.items())),
            tuple(dates),
        ),
        ring_seconds=draw(st.integers(5, 120)),
    )


@settings(max_examples=50)
@given(rota=rotas())
def test_every_rota_is_read_back_and_given_back_the_same(rota: DepartmentRota) -> None:
    config = replace(read_config(WITH_ROTA), rotas=(rota,))
    assert read_config(write_config(config)) == config
    db = open_store(":memory:", durable=False)
    import_config(db, config)
    assert export_config(db) == config
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()


@settings(max_examples=150)
@given(data=st.data())
def test_no_damage_to_a_rota_is_anything_but_refused_or_read(data: st.DataObject) -> None:
    begin = WITH_ROTA.index("[[rota]]")
    start = data.draw(st.integers(begin, len(WITH_ROTA)))
    end = data.draw(st.integers(start, min(len(WITH_ROTA), start + 40)))
    damage = data.draw(st.text("[]{}\"'\\=,.#\n \tabc019-+:\x00ü", max_size=12))
    try:
        config = read_config(WITH_ROTA[:start] + damage + WITH_ROTA[end:])
    except ConfigError as error:
        for problem in error.problems:
            assert problem.text("de") != problem.text("en")
    else:
        assert read_config(write_config(config)) == config
