"""The config file: read as a whole or refused with every problem, taken over and given back."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from appliance.hotline.hours import Span, SpecialDays, overlap
from appliance.hotline.numbers import is_emergency
from appliance.hotline.public_holidays import states
from appliance.hotline.tickets import TicketRule
from appliance.store.config import (
    Agent,
    Block,
    Config,
    ConfigError,
    Department,
    MailServer,
    Office,
    Phone,
    TransferKeys,
    export_config,
    import_config,
    read_config,
    write_config,
)
from appliance.store.config_checks import RESERVED
from appliance.store.config_errors import SENTENCES, Problem, shown
from appliance.store.config_lines import Lines
from appliance.store.database import data_version, open_store
from tests.unit.seed import NEW_DEPARTMENT, NEW_OFFICE

EXAMPLE = Path(__file__).parents[2] / "appliance" / "config_example.toml"

GOOD = """\
[office]
name = "Musterbüro"
area_code = "0931"
[mail]
host = "127.0.0.1"
sender = "hotline@musterbuero.example"
[[department]]
name = "support"
title = "Technik"
mailbox = "technik@musterbuero.example"
numbers = [
  "0931 555-10",
  "0931 555-11",
]
hours = { mon-fri = "08:00-12:00, 13:00-17:00", sat = "22:00-02:00" }
[[phone]]
name = "desk_1"
extension = "21"
secret = "secret-of-desk-1"
[[phone]]
name = "desk_2"
extension = "22"
secret = "secret-of-desk-2"
[[agent]]
name = "anna"
title = "Anna Berger"
phone = "desk_1"
departments = ["support"]
"""


def changed(old: str, new: str) -> str:
    """The good file with one place changed."""
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def refused(text: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_config(text)
    return caught.value


# Reading


def test_the_example_is_the_demo_office() -> None:
    config = read_config(EXAMPLE.read_bytes())
    assert [department.name for department in config.departments] == ["support", "accounting", "main"]
    assert [department.always_open for department in config.departments] == [True, False, False]
    assert config.departments[0].numbers == ("+4993155510",)
    assert [(phone.name, phone.extension) for phone in config.phones] == [
        *(("desk_1", "21"), ("desk_2", "22"), ("desk_3", "23"))
    ]
    assert [agent.name for agent in config.agents] == ["anna", "bert", "clara"]


def test_the_example_shows_the_values_that_hold_without_it() -> None:
    support, accounting, _ = read_config(EXAMPLE.read_bytes()).departments
    own = {key: getattr(support, key) for key in ("name", "title", "mailbox", "numbers", "extension")}
    always = {"always_open": True, "spans": (), "special_days": (), "ignores_night_switch": True}
    assert replace(accounting, **own, **always) == support


def test_a_hotline_that_is_always_open_ignores_the_night_switch_unless_it_says_otherwise() -> None:
    hours = 'hours = { mon-fri = "08:00-12:00, 13:00-17:00", sat = "22:00-02:00" }'
    for written, ignores in (
        (hours, False),
        (f"{hours}\nignores_night_switch = true", True),
        ('hours = "always"', True),
        ('hours = "always"\nignores_night_switch = false', False),
    ):
        (support,) = read_config(changed(hours, written)).departments
        assert support.ignores_night_switch is ignores


def test_the_address_is_said_on_a_phone_there_is_or_on_the_first() -> None:
    read_config(changed('area_code = "0931"', 'area_code = "0931"\naddress_phone = ""'))
    error = refused(changed('area_code = "0931"', 'area_code = "0931"\naddress_phone = "desk_11"'))
    assert "office.address_phone" in error.text("de")
    assert "desk_1" in error.text("de")


def test_an_offices_mailbox_is_one_or_none() -> None:
    read_config(changed('area_code = "0931"', 'area_code = "0931"\nmailbox = ""'))
    error = refused(changed('area_code = "0931"', 'area_code = "0931"\nmailbox = "the boss"'))
    assert "office.mailbox" in error.text("de")
    assert "ist keine Mailadresse" in error.text("de")


def test_what_is_left_out_gets_a_sensible_value() -> None:
    config = read_config(GOOD)
    assert config.office == Office(
        "Musterbüro", "de", "DE", "", "0931", "Europe/Berlin", 90, (), True, "", ""
    )
    assert config.mail == MailServer("127.0.0.1", 587, "starttls", "", "", "hotline@musterbuero.example")
    (support,) = config.departments
    assert (support.ring_seconds, support.wrap_up_seconds, support.message_seconds) == (20, 15, 180)
    assert (support.language, support.greeting) == ("de", "greeting")
    assert (support.offers_wait, support.offers_callback, support.offers_message) == (True, True, True)
    assert (support.announce_position, support.extra_prompts) == (True, ())
    assert (support.promise_minutes, support.language_wait_seconds) == (5, 60)
    assert (support.ticket_from, support.ticket_rule) == (3, TicketRule(3, 12))
    assert support.callback_attempts == 3
    assert config.agents[0].languages == ("de",)


def department_with(settings: str) -> Department:
    """The department of the good file, with more settings."""
    (support,) = read_config(changed('title = "Technik"', f'title = "Technik"\n{settings}')).departments
    return support


@pytest.mark.parametrize("choices", [("message",), ("callback", "wait"), ("message", "wait", "callback")])
def test_what_may_be_chosen_is_a_list_in_any_order(choices: tuple[str, ...]) -> None:
    support = department_with(f"choices = {list(choices)}")
    offered = {
        "wait": support.offers_wait,
        "callback": support.offers_callback,
        "message": support.offers_message,
    }
    assert {choice for choice, offers in offered.items() if offers} == set(choices)


@pytest.mark.parametrize(
    ("written", "shortest", "longest"), [("6", 6, 6), ("5-8", 5, 8), ("1 - 20", 1, 20), ("5\u20138", 5, 8)]
)
def test_a_ticket_number_has_so_many_digits(written: str, shortest: int, longest: int) -> None:
    support = department_with(f'ticket_digits = "{written}"\nticket_prefixes = ["4", "70"]')
    assert support.ticket_rule == TicketRule(shortest, longest, ("4", "70"))


def test_hours_are_read_day_by_day() -> None:
    spans = read_config(GOOD).departments[0].spans
    assert spans == (
        *(Span(day, *times) for day in range(5) for times in ((480, 720), (780, 1020))),
        Span(5, 1320, 120),
    )
    weekend = read_config(changed("mon-fri", "fri-mon").replace(', sat = "22:00-02:00"', ""))
    assert {span.weekday for span in weekend.departments[0].spans} == {0, 4, 5, 6}


def test_files_from_windows_are_read() -> None:
    windows = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    assert read_config(windows) == read_config(GOOD)
    error = refused(windows.replace(b'"21"', b'"x"'))
    assert error.problems[0].line == 18


# Refusing: (what is changed, into what, which problem, line, setting)

ONE_PROBLEM = [
    ('name = "Musterbüro"', 'nme = "Musterbüro"\nname = "M"', "unknown", 2, "office.nme"),
    ('name = "Musterbüro"', 'name = " "', "empty", 2, "office.name"),
    ('name = "Musterbüro"', 'name = "Muster\\nbüro"', "not printable", 2, "office.name"),
    ('name = "Musterbüro"', f'name = "{"x" * 201}"', "too long", 2, "office.name"),
    ('name = "Musterbüro"', "name = 1", "not text", 2, "office.name"),
    ('name = "Musterbüro"\n', "", "missing", 1, "office.name"),
    ('area_code = "0931"', 'area_code = "0931/5"', "area code", 3, "office.area_code"),
    ('area_code = "0931"', 'area_code = "0931"\ncountry = "GER"', "country", 4, "office.country"),
    ('area_code = "0931"', 'area_code = "0931"\ntime_zone = "Europe"', "time zone", 4, "office.time_zone"),
    ('area_code = "0931"', 'area_code = "0931"\ntime_zone = "../x"', "time zone", 4, "office.time_zone"),
    ('area_code = "0931"', 'area_code = "0931"\nlanguage = "fr"', "choice", 4, "office.language"),
    ('area_code = "0931"', 'area_code = "0931"\nlanguage = ""', "choice", 4, "office.language"),
    ('area_code = "0931"', 'area_code = "0931"\nretention_days = 0', "range", 4, "office.retention_days"),
    (
        'area_code = "0931"',
        'area_code = "0931"\ncallback_countries = [\n"AT",\n"XX"]',
        *("country", 6, "office.callback_countries"),
    ),
    (
        'area_code = "0931"',
        'area_code = "0931"\ncallback_countries = ["AT", "AT"]',
        *("twice", 4, "office.callback_countries"),
    ),
    (
        'area_code = "0931"',
        'area_code = "0931"\ncallback_countries = "AT"',
        *("not texts", 4, "office.callback_countries"),
    ),
    (
        'area_code = "0931"',
        'area_code = "0931"\ncallback_confirmation = 1',
        *("not yes or no", 4, "office.callback_confirmation"),
    ),
    ('area_code = "0931"', 'area_code = "0931"\ncountry = 1', "not text", 4, "office.country"),
    ('area_code = "0931"', 'area_code = "0931"\ntime_zone = 1', "not text", 4, "office.time_zone"),
    ("[mail]", "port = 25\n[mail]", "unknown", 4, "office.port"),
    ('host = "127.0.0.1"', 'host = "a b"', "host", 5, "mail.host"),
    ('host = "127.0.0.1"', 'host = "127.0.0.1"\nport = 65536', "range", 6, "mail.port"),
    ('host = "127.0.0.1"', 'host = "127.0.0.1"\nport = "25"', "not a whole number", 6, "mail.port"),
    ('host = "127.0.0.1"', 'host = "127.0.0.1"\nport = true', "not a whole number", 6, "mail.port"),
    ('host = "127.0.0.1"', 'host = "127.0.0.1"\nsecurity = "ssl"', "choice", 6, "mail.security"),
    ("hotline@musterbuero.example", "hotline", "mail address", 6, "mail.sender"),
    ("hotline@musterbuero.example", "a@b.c>\\r\\nBcc: x@y", "not printable", 6, "mail.sender"),
    ('title = "Technik"', 'title = "${EXTEN}"', "code in a title", 9, "department.support.title"),
    ('title = "Technik"', 'title = "T"\ngreeting = "../x"', "not a name", 10, "department.support.greeting"),
    ('title = "Technik"', 'title = "T"\nring_seconds = 2', "range", 10, "department.support.ring_seconds"),
    ("technik@musterbuero.example", "a b@c.de", "mail address", 10, "department.support.mailbox"),
    ('"0931 555-10"', '"abc"', "telephone number", 12, "department.support.numbers"),
    ('"0931 555-10"', "5", "not texts", 11, "department.support.numbers"),
    ('"0931 555-11"', '"+49 931 55510"', "twice", 13, "department.support.numbers"),
    ('"0931 555-11"', '"0931 555-10"', "twice", 13, "department.support.numbers"),
    (
        '  "0931 555-10",\n  "0931 555-11",\n',
        "",
        "department without number",
        11,
        "department.support.numbers",
    ),
    ("08:00-12:00", "08:00-25:00", "span", 15, "department.support.hours.mon-fri"),
    ("08:00-12:00", "08:00", "span", 15, "department.support.hours.mon-fri"),
    ("08:00-12:00", "", "span", 15, "department.support.hours.mon-fri"),
    ("08:00-12:00", "08:00-13:30", "overlap", 15, "department.support.hours.mon-fri"),
    ('sat = "22:00-02:00"', 'sun = "22:00-08:01"', "overlap", 15, "department.support.hours.sun"),
    ('sat = "22:00-02:00"', 'fri = "11:00-12:30"', "overlap", 15, "department.support.hours.fri"),
    ("sat =", "2026-02-29 =", "dates", 15, "department.support.hours.2026-02-29"),
    ("sat =", '"2026-12-24..24" =', "dates", 15, "department.support.hours.2026-12-24..24"),
    (
        "sat =",
        '"2026-12-24..2026-12-23" =',
        "dates backwards",
        15,
        "department.support.hours.2026-12-24..2026-12-23",
    ),
    ('sat = "22:00-02:00"', '2026-12-24 = "shut"', "span", 15, "department.support.hours.2026-12-24"),
    ('sat = "22:00-02:00"', '2026-12-24 = "25:00"', "span", 15, "department.support.hours.2026-12-24"),
    (
        'sat = "22:00-02:00"',
        '2026-12-24 = "08:00-12:00, 11:00-13:00"',
        "overlap",
        15,
        "department.support.hours.2026-12-24",
    ),
    (
        'sat = "22:00-02:00"',
        '"2026-12-24..2027-01-02" = "closed", 2027-01-01 = "closed"',
        "dates twice",
        15,
        "department.support.hours.2027-01-01",
    ),
    ('area_code = "0931"', 'area_code = "0931"\nstate = "bayern"', "state", 4, "office.state"),
    ("mon-fri", "mo-fr", "day", 15, "department.support.hours.mo-fr"),
    ("hours = {", "hours = {} #", "hours", 15, "department.support.hours"),
    ("hours = {", 'hours = "alway" #', "hours", 15, "department.support.hours"),
    ("hours = {", "hours = 24 #", "hours", 15, "department.support.hours"),
    ("hours = {", "#", "missing", 7, "department.support.hours"),
    ('extension = "21"', 'extension = "2a"', "extension", 18, "phone.desk_1.extension"),
    ('extension = "21"', 'extension = "112"', "emergency", 18, "phone.desk_1.extension"),
    ('extension = "22"', 'extension = "21"', "twice", 22, "phone.desk_2.extension"),
    ("hours = {", 'extension = "21"\nhours = {', "twice", 19, "phone.desk_1.extension"),
    ("hours = {", 'extension = "110"\nhours = {', "emergency", 15, "department.support.extension"),
    ("hours = {", 'extension = "8"\nhours = {', "extension", 15, "department.support.extension"),
    ('name = "desk_2"', 'name = "desk_1"', "twice", 21, "phone.desk_1.name"),
    ('name = "desk_2"', 'name = "global"', "reserved", 21, "phone.global.name"),
    ('name = "desk_2"', 'name = "Desk 2"', "not a name", 21, "phone.2.name"),
    ('name = "desk_2"', f'name = "a{"b" * 31}"', "not a name", 21, "phone.2.name"),
    ("secret-of-desk-1", "short", "secret", 19, "phone.desk_1.secret"),
    ("secret-of-desk-1", "has blanks and ;", "secret", 19, "phone.desk_1.secret"),
    ('phone = "desk_1"', 'phone = "desk-1"', "no such phone", 27, "agent.anna.phone"),
    ('["support"]', '["suport"]', "no such department", 28, "agent.anna.departments"),
    ('["support"]', '["support", "support"]', "twice", 28, "agent.anna.departments"),
    ('["support"]', "[]", "agent without department", 28, "agent.anna.departments"),
    ('departments = ["support"]\n', "", "agent without department", 24, "agent.anna.departments"),
    ('["support"]', '["support"]\nlanguages = []', "empty", 29, "agent.anna.languages"),
    ('["support"]', '["support"]\nlanguages = ["de", "fr"]', "choice", 29, "agent.anna.languages"),
    (
        '["support"]\n',
        '["support"]\n[[agent]]\nname = "bert"\ntitle = "B"\nphone = "desk_1"\ndepartments = ["support"]\n',
        *("phone shared", 32, "agent.bert.phone"),
    ),
    ("[[agent]]", "[agents]\n[[agent]]", "unknown", 24, "agents"),
    ("[[agent]]", "[agent]", "not tables", 24, "agent"),
]


# A department's setting that is wrong, on line 10, and which problem it is.
WRONG_SETTINGS = [
    ('choices = ["wait"]', "only waiting"),
    ("choices = []", "empty"),
    ('choices = ["wait", "mesage"]', "choice"),
    ('choices = ["message", "message"]', "twice"),
    ('choices = "message"', "not texts"),
    ('announce_position = "yes"', "not yes or no"),
    ("announce_position = 1", "not yes or no"),
    ('extra_prompts = ["try-later", "../x"]', "not a name"),
    ('extra_prompts = ["try later"]', "not a name"),
    ('extra_prompts = [""]', "not a name"),
    ('extra_prompts = "try-later"', "not texts"),
    ("promise_minutes = -1", "range"),
    ("promise_minutes = 121", "range"),
    ('promise_minutes = "5"', "not a whole number"),
    ("promise_minutes = 2.5", "not a whole number"),
    ("language_wait_seconds = -1", "range"),
    ("language_wait_seconds = 3601", "range"),
    ("ticket_from = -1", "range"),
    ("ticket_from = 100", "range"),
    ("callback_attempts = 0", "range"),
    ("callback_attempts = 11", "range"),
    ("ticket_digits = 6", "not text"),
    ('ticket_digits = ""', "ticket digits"),
    ('ticket_digits = "0"', "ticket digits"),
    ('ticket_digits = "21"', "ticket digits"),
    ('ticket_digits = "5-21"', "ticket digits"),
    ('ticket_digits = "8-5"', "ticket digits"),
    ('ticket_digits = "5-"', "ticket digits"),
    ('ticket_digits = "[0-9]+"', "ticket digits"),
    ('ticket_digits = "\u0665"', "ticket digits"),
    ('ticket_prefixes = ["4x"]', "ticket prefix"),
    ('ticket_prefixes = [""]', "ticket prefix"),
    ('ticket_prefixes = ["4", "4"]', "twice"),
    ("ticket_prefixes = [4]", "not texts"),
    ('ticket_prefixes = ["1234567890123"]', "ticket prefix too long"),
]


@pytest.mark.parametrize(("setting", "code"), WRONG_SETTINGS)
def test_a_wrong_setting_of_a_department_is_one_problem(setting: str, code: str) -> None:
    key = setting.partition(" ")[0]
    problems = refused(changed('title = "Technik"', f'title = "Technik"\n{setting}')).problems
    assert [(problem.code, problem.line, problem.field) for problem in problems] == [
        (code, 10, f"department.support.{key}")
    ]


def test_a_prefix_may_be_as_long_as_the_number_but_no_longer() -> None:
    assert department_with('ticket_digits = "2"\nticket_prefixes = ["12"]').ticket_rule.accepts("12")
    error = refused(
        changed('title = "Technik"', 'title = "T"\nticket_digits = "2"\nticket_prefixes = ["123"]')
    )
    assert error.text("de") == (
        "Zeile 11, department.support.ticket_prefixes: "
        '"123" ist länger als eine ganze Ticketnummer; die hat höchstens 2 Ziffern.'
    )
    assert error.text("en") == (
        "line 11, department.support.ticket_prefixes: "
        '"123" is longer than a whole ticket number, which has at most 2 digits.'
    )


@pytest.mark.parametrize(("old", "new", "code", "line", "field"), ONE_PROBLEM)
def test_one_mistake_is_one_problem_at_its_place(
    old: str, new: str, code: str, line: int, field: str
) -> None:
    problems = refused(changed(old, new)).problems
    assert [(problem.code, problem.line, problem.field) for problem in problems] == [(code, line, field)]


@pytest.mark.parametrize(
    ("old", "new", "suggestion"),
    [
        ('name = "Musterbüro"', 'name = "M"\nlangauge = "de"', "language"),
        ('area_code = "0931"', 'country = "de"', "DE"),
        ('area_code = "0931"', 'area_code = "0931"\ntime_zone = "Europe/Berln"', "Europe/Berlin"),
        ('host = "127.0.0.1"', 'host = "127.0.0.1"\nsecurity = "starttsl"', "starttls"),
        ('area_code = "0931"', 'callback_countries = ["at"]', "AT"),
        ('title = "Technik"', 'title = "T"\nchoices = ["wait", "mesage"]', "message"),
        ('title = "Technik"', 'title = "T"\nchoice = ["wait"]', "choices"),
        ('title = "Technik"', 'title = "T"\nticket_digits = "8-5"', "5-8"),
        ('title = "Technik"', 'title = "T"\nticket_digits = "5 bis 8"', "5-8"),
        ("mon-fri", "mo-fr", "mon-fri"),
        ("mon-fri", "Montag-Freitag", "mon-fri"),
        ("mon-fri", "mittwoch", "wed"),
        ("hours = {", 'hours = "alway" #', "always"),
        ('phone = "desk_1"', 'phone = "desk1"', "desk_1"),
        ('["support"]', '["suport"]', "support"),
        ("[[agent]]", "[agents]\n[[agent]]", "agent"),
    ],
)
def test_what_was_probably_meant_is_suggested(old: str, new: str, suggestion: str) -> None:
    (problem, *_) = refused(changed(old, new)).problems
    assert problem.suggestion == f'"{suggestion}"'
    assert f'Meinten Sie "{suggestion}"?' in problem.text("de")
    assert f'Did you mean "{suggestion}"?' in problem.text("en")


@pytest.mark.parametrize(
    ("text", "line", "german"),
    [
        ("[office\n", 1, "der Abschnitt endet nicht mit ]"),
        ("[office]\nname =\n", 2, "dieser Wert ist nicht lesbar"),
        ("[office]\nname = x\n", 2, "dieser Wert ist nicht lesbar"),
        ("[office]\nname\n", 2, "fehlt das ="),
        ('[office]\nname = "x\n', 2, "ein Zeichen, das nicht erlaubt ist"),
        ("[office]\n\na = 1\na = 2\n[mail]\n", 3, "zweimal"),
        ("[office]\n[office]\n", 2, "zweimal"),
        ("[office]\na = 1 b = 2\n", 2, "zu viel in einer Zeile"),
        ("a = [1, 2", 1, "die Liste endet nicht mit ]"),
        ("a =" + "[" * 100_000, 0, "kein gültiges TOML"),
    ],
)
def test_a_file_that_is_no_toml_is_explained(text: str, line: int, german: str) -> None:
    (problem,) = refused(text).problems
    assert problem.code == "syntax"
    assert abs(problem.line - line) <= 1  # the reader stands at the end of what it could not take
    assert german in problem.text("de")
    assert "cannot be read" in problem.text("en")


def test_a_file_in_another_encoding_is_explained() -> None:
    assert refused(GOOD.encode("latin-1")).text("de") == "Datei: Die Datei ist kein UTF-8-Text."


def test_all_problems_come_at_once_in_the_order_of_the_lines() -> None:
    text = changed('"0931"', '"x"').replace('"21"', '"x"').replace('"support"]', '"sales"]')
    error = refused(text)
    assert [problem.line for problem in error.problems] == [3, 18, 28]
    assert error.text("de").splitlines() == [
        'Zeile 3, office.area_code: "x" ist keine Vorwahl; '
        'nur Ziffern, etwa "0931", oder leer, wo es keine gibt.',
        'Zeile 18, phone.desk_1.extension: "x" ist keine Nebenstelle: zwei bis sechs Ziffern.',
        'Zeile 28, agent.anna.departments: Eine Abteilung "sales" gibt es nicht.',
    ]
    assert (
        error.text("en").splitlines()[2] == 'line 28, agent.anna.departments: There is no department "sales".'
    )
    assert str(error) == error.text("en")


def test_an_empty_file_says_what_is_needed() -> None:
    needed = {problem.field for problem in refused("").problems}
    assert needed == {"office.name", "mail.host", "mail.sender", "[[department]]"}


def test_a_secret_is_never_repeated() -> None:
    error = refused(changed("secret-of-desk-1", "geheim ist das"))
    assert "geheim" not in error.text("de") + error.text("en") + repr(error.problems)


@given(text=st.text(st.characters(codec="utf-8")))
def test_what_is_shown_is_printable_and_short(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 700


def test_both_languages_say_the_same_places() -> None:
    for german, english in SENTENCES.values():
        assert [word for word in ("{value}", "{limit}", "{other}", "{detail}") if word in german] == [
            word for word in ("{value}", "{limit}", "{other}", "{detail}") if word in english
        ]


# Lines


toml_values = st.recursive(
    st.one_of(
        st.integers(-99, 99).map(str),
        st.sampled_from(["true", "2026-11-24 08:00:00", "1e5"]),
        st.sampled_from(['"a # \\" ]"', "'b\\'", '""', "''", '"""\n"x" \\""""']),
        st.sampled_from(["'''\n[x]\ny = 1'''", '"""a""' + '"""']),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: "[" + ", # c ]\n ".join(values) + "\n]"),
        st.lists(inner, max_size=3).map(
            lambda values: "{" + ", ".join(f'k{i}."x.y" = {value}' for i, value in enumerate(values)) + "}"
        ),
    ),
    max_leaves=8,
)


@given(values=st.lists(toml_values, max_size=5), tables=st.integers(0, 3))
def test_the_line_of_every_setting_is_found(values: list[str], tables: int) -> None:
    text, expected = "", dict[tuple[str | int, ...], int]()
    for table in range(tables):
        text += "\n# [comment]\n[[ list ]]\n"
        for index, value in enumerate(values):
            expected["list", table, f"key{index}"] = text.count("\n") + 1
            text += f"key{index} = {value} # = [\n"
        expected["list", table, "sub", "last"] = text.count("\n") + 2
        text += "[list.sub]\nlast = 1\n"
    tomllib.loads(text)
    lines = Lines(text)
    assert {path: lines.of(*path) for path in expected} == expected


def test_list_entries_have_lines_and_the_unknown_has_that_of_its_table() -> None:
    lines = Lines('[a]\nb = [\n "x", # one\n\n "y" ]\nc = { d = 1, e = [2] }\n[f]\n"g h".i = 1\n')
    assert [lines.of("a", "b", index) for index in (0, 1)] == [3, 5]
    assert lines.of("a", "c", "e", 0) == 6
    assert lines.of("a", "nothing", "there") == 1
    assert lines.of("f", "g h", "i") == 8
    assert lines.of("nothing") == 0


@settings(max_examples=200)
@given(data=st.data())
def test_no_damage_to_the_file_is_anything_but_refused_or_read(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 40)))
    text = GOOD[:start] + data.draw(st.text("[]{}\"'\\=,.#\n \tabc019-+\x00ü", max_size=12)) + GOOD[end:]
    problems: tuple[Problem, ...] = ()
    try:
        config = read_config(text)
    except ConfigError as error:
        problems = error.problems
    else:
        assert read_config(write_config(config)) == config
    for problem in problems:
        assert problem.text("de") != problem.text("en")
        assert problem.line <= text.count("\n") + 1


# Writing


names = st.from_regex(r"[a-z][a-z0-9_-]{0,30}", fullmatch=True).filter(lambda name: name not in RESERVED)
callbacks = st.tuples(
    st.lists(st.sampled_from(["AT", "CH", "DE", "FR"]), unique=True).map(tuple), st.booleans()
)
titles = (
    st.text(
        st.one_of(st.sampled_from("aäöüß&',.()#=-/ 1"), st.characters(codec="utf-8")), min_size=1, max_size=30
    )
    .map(lambda text: "".join(c for c in text if c.isprintable() and c not in '${}[]"\\;|<>`\u037e\u1fef'))
    .filter(lambda text: bool(text.strip()))
)
plain_texts = st.text(st.one_of(st.sampled_from('"\\#$'), st.characters(codec="utf-8"))).map(
    lambda text: "".join(c for c in text if c.isprintable())[:200]
)
languages = st.sampled_from(["de", "en"])
mail_addresses = st.from_regex(r"[a-z0-9]{1,9}(\.[a-z]{1,5})?@[a-z]{1,9}\.example", fullmatch=True)
one_span = st.builds(Span, st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1440))


offers = st.fixed_dictionaries(
    {choice: st.booleans() for choice in ("offers_wait", "offers_callback", "offers_message")}
).filter(lambda offered: offered["offers_callback"] or offered["offers_message"])


@st.composite
def ticket_rules(draw: st.DrawFn) -> TicketRule:
    shortest = draw(st.integers(1, 20))
    longest = draw(st.integers(shortest, 20))
    prefix = st.text("0123456789", min_size=1, max_size=longest)
    return TicketRule(shortest, longest, tuple(draw(st.lists(prefix, max_size=3, unique=True))))


@st.composite
def week(draw: st.DrawFn) -> tuple[Span, ...]:
    """At least one span, none overlapping; often the same times on several days."""
    spans: list[Span] = []
    for span in draw(st.lists(one_span, min_size=1, max_size=4)):
        for weekday in draw(st.sets(st.integers(0, 6), min_size=1)):
            wanted = replace(span, weekday=weekday)
            if overlap([*spans, wanted]) is None:
                spans.append(wanted)
    return tuple(sorted(spans))


@st.composite
def several_special_days(draw: st.DrawFn) -> tuple[SpecialDays, ...]:
    """In order, no date twice; over the ends of months and years."""
    found: list[SpecialDays] = []
    day = draw(st.dates(date(2026, 1, 1), date(2030, 1, 1)))
    for gap, length in draw(st.lists(st.tuples(st.integers(1, 90), st.integers(0, 40)), max_size=3)):
        first = day + timedelta(days=gap)
        day = first + timedelta(days=length)
        times = draw(st.sampled_from([(), ((0, 1440),), ((480, 720), (780, 1020)), ((1320, 120),)]))
        found.append(SpecialDays(first, day, times))
    return tuple(found)


@st.composite
def menus(draw: st.DrawFn, choices: list[str]) -> tuple[tuple[str, str], ...]:
    most = min(4, len(choices))
    chosen = draw(st.lists(st.sampled_from(choices), min_size=2, max_size=most, unique=True))
    keys = draw(
        st.lists(st.sampled_from("123456789"), min_size=len(chosen), max_size=len(chosen), unique=True)
    )
    return tuple(zip(sorted(keys), chosen, strict=True))


@st.composite
def configs(draw: st.DrawFn) -> Config:
    country, area_code, zone, start = draw(
        st.sampled_from(
            [
                ("DE", "0931", "Europe/Berlin", "+49931"),
                ("DE", "", "Europe/Berlin", "+4930"),
                ("AT", "01", "Europe/Vienna", "+431"),
                ("IT", "06", "Europe/Rome", "+3906"),
                ("AR", "011", "America/Argentina/Buenos_Aires", "+54911"),
            ]
        )
    )
    digits = draw(
        st.lists(st.from_regex(r"[2-9][0-9]{7}", fullmatch=True), min_size=1, max_size=6, unique=True)
    )
    numbers = [start + text for text in digits]
    department_names = draw(st.lists(names, min_size=1, max_size=len(numbers), unique=True))
    phone_names = draw(st.lists(names, max_size=4, unique=True))
    extensions = draw(
        st.lists(
            st.from_regex(r"[2-9][0-9]{1,5}", fullmatch=True).filter(
                lambda text: not is_emergency(text, country)
            ),
            min_size=len(phone_names),
            max_size=len(phone_names),
            unique=True,
        )
    )
    fits = len(start) + 8 + max(map(len, extensions), default=0) <= 16
    departments = []
    has_menu = [draw(st.booleans()) for _ in department_names]
    menu_choices = [name for name, menu in zip(department_names, has_menu, strict=True) if not menu]
    for index, name in enumerate(department_names):
        spans = draw(st.one_of(st.just(()), week()))
        departments.append(
            Department(
                name=name,
                title=draw(titles),
                language=draw(languages),
                mailbox=draw(mail_addresses),
                greeting=draw(names),
                menu=draw(menus(menu_choices)) if has_menu[index] and len(menu_choices) > 1 else (),
                menu_prompt=draw(names) if name in menu_choices else draw(st.sampled_from(["", "menu-x"])),
                numbers=tuple(numbers[index :: len(department_names)]),
                always_open=not spans,
                spans=spans,
                special_days=draw(several_special_days()) if spans else (),
                closed_on_holidays=draw(st.booleans()),
                ignores_night_switch=draw(st.booleans()),
                ring_seconds=draw(st.integers(3, 120)),
                wrap_up_seconds=draw(st.integers(0, 3600)),
                message_seconds=draw(st.integers(10, 1800)),
                **draw(offers),
                announce_position=draw(st.booleans()),
                announce_ticket=draw(st.booleans()),
                extra_prompts=tuple(draw(st.lists(names, max_size=3, unique=True))),
                promise_minutes=draw(st.integers(0, 120)),
                language_wait_seconds=draw(st.integers(0, 3600)),
                ticket_from=draw(st.integers(0, 99)),
                ticket_rule=draw(ticket_rules()),
                callback_attempts=draw(st.integers(1, 10)),
                extension=draw(st.sampled_from(["", f"16{index}5"])),
            )
        )
    agents = [
        Agent(
            name=name,
            title=draw(titles),
            phone=phone,
            departments=tuple(draw(st.lists(st.sampled_from(department_names), min_size=1, unique=True))),
            languages=tuple(draw(st.lists(languages, min_size=1, unique=True))),
        )
        for name, phone in zip(draw(st.lists(names, max_size=4, unique=True)), phone_names, strict=False)
    ]
    secrets = st.from_regex(r"[A-Za-z0-9._-]{8,64}", fullmatch=True)
    return Config(
        Office(
            draw(titles),
            draw(languages),
            country,
            draw(st.sampled_from(["", *states(country)])),
            area_code,
            zone,
            draw(st.integers(1, 3650)),
            *draw(callbacks),
            draw(st.one_of(st.just(""), mail_addresses)),
            draw(st.sampled_from(["", *phone_names])),
        ),
        MailServer(
            host=draw(st.sampled_from(["127.0.0.1", "::1", "mail.musterbuero.example", "smtp-1"])),
            port=draw(st.integers(1, 65535)),
            security=draw(st.sampled_from(["tls", "starttls", "none"])),
            user=draw(plain_texts),
            password=draw(plain_texts),
            sender=draw(mail_addresses),
        ),
        tuple(departments),
        tuple(
            Block(start + text, draw(st.sampled_from(department_names)))
            for text in draw(
                st.lists(
                    st.from_regex(r"[2-9][0-9]{7}", fullmatch=True).filter(lambda text: text not in digits),
                    max_size=2 if fits else 0,
                    unique=True,
                )
            )
        ),
        tuple(
            Phone(name, extension, draw(secrets))
            for name, extension in zip(phone_names, extensions, strict=True)
        ),
        tuple(agents),
        transfer=TransferKeys(*draw(st.sampled_from([("#1", "*2"), ("##", "*8#")]))),
    )


@settings(max_examples=60)
@given(config=configs())
def test_what_is_written_is_read_back_the_same(config: Config) -> None:
    assert read_config(write_config(config)) == config


def test_the_written_file_is_for_people() -> None:
    text = write_config(read_config(EXAMPLE.read_text()))
    assert 'numbers = ["0931 55510"]' in text
    assert 'hours = { mon-thu = "08:00-12:00, 13:00-17:00", fri = "08:00-14:00", "2026-12-24..' in text
    for section in ("[office]", "[mail]", "[[department]]", "[[phone]]", "[[agent]]"):
        before, _, _ = text.partition(section)
        assert before.splitlines()[-1].startswith("# ")


# The store


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_store(tmp_path / "store.db", durable=False)


def everything(db: Database) -> dict[str, list[tuple[object, ...]]]:
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
    return {name: db.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}


@settings(max_examples=25)
@given(first=configs(), second=configs())
def test_what_is_taken_over_is_given_back(first: Config, second: Config) -> None:
    db = open_store(":memory:", durable=False)
    for config in (first, second, second):
        import_config(db, config)
        assert export_config(db) == config
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()


def test_the_store_and_the_file_have_the_same_defaults(db: Database) -> None:
    import_config(db, read_config(GOOD))
    for table, insert, values in (
        ("office", NEW_OFFICE, "(1, 'Musterbüro', 'de', 'DE', '0931', 'Europe/Berlin', 90)"),
        ("departments", NEW_DEPARTMENT, "('other', 'T', 'de', 'a@b.example', 'greeting', 0, 20, 15, 180)"),
    ):
        own = {"name", "title", "mailbox"}
        imported = next(db.query(f"SELECT * FROM {table}"))
        db.execute("DELETE FROM office")
        db.execute(f"{insert} {values}")
        bare = list(db.query(f"SELECT * FROM {table}"))[-1]
        assert {key: imported[key] for key in imported.keys() - own} == {
            key: bare[key] for key in bare.keys() - own
        }


def test_the_floor_finds_every_form_at_once(db: Database) -> None:
    import_config(db, read_config(GOOD))
    for dialled in ("+4993155511", "4993155511", "004993155511", "093155511", "93155511", "55511"):
        (row,) = db.query("SELECT number, department FROM destinations WHERE dialled = ?", [dialled])
        assert row == {"number": "+4993155511", "department": "support"}
    assert db.execute("SELECT count(*) FROM schedule").fetchone()[0] > 50


def test_agents_who_stay_keep_their_presence(db: Database) -> None:
    import_config(db, read_config(GOOD))
    assert [row["state"] for row in db.query("SELECT * FROM presence")] == ["offline"]
    anna = ("anna", "available", "button", "2026-11-24T08:00:00.000Z", "2026-11-24T09:00:00.000Z")
    db.execute("UPDATE presence SET state = ?, reason = ?, since = ?, wrap_up_until = ?", anna[1:])
    db.conn.commit()
    bert = '[[agent]]\nname = "bert"\ntitle = "B"\nphone = "desk_1"\ndepartments = ["support"]\n'
    import_config(db, read_config(changed('phone = "desk_1"', 'phone = "desk_2"') + bert))
    rows = db.execute(
        "SELECT agent, state, reason, since, wrap_up_until FROM presence ORDER BY agent"
    ).fetchall()
    assert rows[0] == anna
    assert rows[1][:3] == ("bert", "offline", "")
    import_config(db, read_config(GOOD[: GOOD.index("[[agent]]")]))
    assert db.execute("SELECT count(*) FROM presence").fetchone()[0] == 0


def test_calls_messages_and_the_night_switch_are_not_touched(db: Database) -> None:
    import_config(db, read_config(GOOD))
    for statement in (
        "INSERT INTO calls (call, dialled, department, agent, started_at) "
        "VALUES ('1', '55510', 'support', 'anna', 'x')",
        "INSERT INTO steps (call, step) VALUES ('1', 'greeted')",
        "INSERT INTO messages (call, department, caller, caller_name, recorded_at, seconds, sound) "
        "VALUES ('1', 'support', '', '', 'x', 2.5, 'x.wav')",
        "INSERT INTO outbox (message, message_id, recipient, language) VALUES (1, 'm', 'r', 'de')",
        "UPDATE night_switch SET mode = 'night'",
    ):
        db.execute(statement)
    db.conn.commit()
    before = everything(db)
    import_config(db, read_config(EXAMPLE.read_text()))
    after = everything(db)
    for table in ("calls", "steps", "messages", "outbox", "night_switch"):
        assert after[table] == before[table], table


def test_others_see_the_old_config_or_the_new_one(db: Database, tmp_path: Path) -> None:
    import_config(db, read_config(GOOD))
    watcher = open_store(tmp_path / "store.db")
    before, version = everything(watcher), data_version(watcher)
    good = read_config(GOOD)
    broken = replace(good, agents=(replace(good.agents[0], phone="gone"),))
    with pytest.raises(Exception, match="FOREIGN KEY"):
        import_config(db, broken)
    assert everything(watcher) == before
    assert data_version(watcher) == version
    import_config(db, read_config(EXAMPLE.read_text()))
    assert data_version(watcher) == version + 1  # one commit


def test_an_empty_store_has_nothing_to_give(db: Database) -> None:
    with pytest.raises(ConfigError, match="Nothing has been set up yet"):
        export_config(db)
