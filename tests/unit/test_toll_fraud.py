"""Whoever wants to make the box dial what costs: every kind of number of every region, by every way there is.

The ways are a callback to the number that is shown, one to a number keyed in, a transfer to a number outside,
a number on duty, and a desk phone that simply dials. Each is asked as calls ask it, on a store of its office.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from appliance.hotline.transfers import OutsideNumber
from appliance.house import HouseOfOneCall
from appliance.settings import SipLine
from appliance.store import extensions
from appliance.store.config import ConfigError, import_config, read_config
from appliance.store.database import open_store
from appliance.store.office import callback_refusal, department
from tests.unit.test_config import GOOD

APPLIANCE = Path(__file__).parents[2] / "appliance"
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = {name: kind for name, kind in vars(PhoneNumberType).items() if isinstance(kind, int)}
ORDINARY = ("FIXED_LINE", "MOBILE", "FIXED_LINE_OR_MOBILE", "TOLL_FREE", "VOIP")
NEIGHBOUR = "LI"  # whom every office here allows besides its own country
OFFICES = {  # country: area code, a number of the office there
    "DE": ("0931", "+4993155510"),
    "AT": ("01", "+4315123410"),
    "CH": ("044", "+41446681810"),
    "GB": ("020", "+442079460010"),
    "US": ("212", "+12125550110"),
}


class Number(NamedTuple):
    """One number and what the policy says of it."""

    text: str  # E.164
    kind: str
    region: str
    is_allowed: bool


def numbers(home: str) -> Iterator[Number]:
    """An example of every kind in every region, and of every code that belongs to no region."""
    for region in REGIONS:
        for kind, number in KINDS.items():
            example = phonenumbers.example_number_for_type(region, number)
            if example is not None:
                yield judged(example, kind, region, home)
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        example = phonenumbers.example_number_for_non_geo_entity(code)
        if example is not None:
            yield judged(example, "INTERNATIONAL", f"+{code}", home)


def judged(example: phonenumbers.PhoneNumber, kind: str, region: str, home: str) -> Number:
    """The policy: ordinary numbers of the office's country and of those it allows, and nothing else."""
    text = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    at_home = any(phonenumbers.is_valid_number_for_region(example, each) for each in (home, NEIGHBOUR))
    return Number(text, kind, region, kind in ORDINARY and at_home)


class Office:
    """The store of an office in this country, and what is asked in it."""

    def __init__(self, folder: Path, home: str) -> None:
        area_code, self.own = OFFICES[home]
        self.home = home
        self.text = re.sub(
            r"area_code = .*",
            f'area_code = "{area_code}"\ncountry = "{home}"\ncallback_countries = ["{NEIGHBOUR}"]',
            re.sub(r"numbers = \[[^]]*\]", f'numbers = ["{self.own}"]', GOOD),
            count=1,
        )
        self.db = open_store(folder / "store.db", durable=False)
        import_config(self.db, read_config(self.text))

    def call(self, shown: str = "") -> HouseOfOneCall:
        """A call that shows this number."""
        house: Any = SimpleNamespace(
            settings=SimpleNamespace(prompts=None, outward_line=SipLine("line", "127.0.0.2", 5060))
        )
        leg: Any = SimpleNamespace(
            argument=lambda _position: "1.0",
            caller_id=lambda: (shown, ""),
            get=lambda _variable: "",  # no call is on the line
        )
        return HouseOfOneCall(house, leg, self.db)

    def keyed(self, number: str) -> str:
        """How somebody in this country keys a number in."""
        parsed = phonenumbers.parse(number, None)
        written = phonenumbers.format_out_of_country_calling_number(parsed, self.home)
        return "".join(character for character in written if character in "0123456789")

    def on_duty(self, wanted: Sequence[str]) -> set[str]:
        """Which of these numbers may stand in a rota."""
        head = (
            '\n[[rota]]\ndepartment = "support"\nweeks = ["duty"]\nfirst_week = "2026-11-30"\n[rota.duties]\n'
        )
        text = self.text + head + "duty = [\n" + "".join(f'"{number}",\n' for number in wanted) + "]\n"
        try:
            read_config(text)
        except ConfigError as error:
            lines = text.splitlines()
            return set(wanted) - {lines[problem.line - 1].strip('",') for problem in error.problems}
        return set(wanted)


@pytest.fixture(params=OFFICES)
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path, request.param)
    yield office
    office.db.close()


def wrong(office: Office, allowed: Callable[[str], bool]) -> list[Number]:
    """The numbers of the table about which this way is of another mind than the policy."""
    return [number for number in numbers(office.home) if allowed(number.text) is not number.is_allowed]


def test_the_table_has_every_kind_and_every_region() -> None:
    table = list(numbers("DE"))
    assert {number.kind for number in table} >= {*ORDINARY, "PREMIUM_RATE", "SHARED_COST", "INTERNATIONAL"}
    assert {number.region for number in table} >= set(REGIONS)
    assert {number.region for number in table if number.is_allowed} >= {"DE", NEIGHBOUR}
    assert len(table) > 1200


def test_a_callback_to_the_number_that_is_shown(office: Office) -> None:
    assert not wrong(office, lambda number: office.call(number).number_of_caller()[0] == number)


def test_a_callback_to_a_number_keyed_in(office: Office) -> None:
    assert not wrong(office, lambda number: office.call().number_keyed_in(office.keyed(number))[0] == number)


def test_a_callback_ordered_on_the_page_or_by_the_command(office: Office) -> None:
    assert not wrong(office, lambda number: callback_refusal(office.db, number) is None)


def test_a_transfer_to_a_number_outside(office: Office) -> None:
    support = department(office.db, "support")
    assert support is not None

    def is_rung(number: str) -> bool:
        target = office.call().transfer_target(number, support)
        assert target is None or isinstance(target, OutsideNumber)
        return target is not None and target.number == number

    assert not wrong(office, is_rung)


def test_a_number_on_duty(office: Office) -> None:
    table = {number.text: number.is_allowed for number in numbers(office.home)}
    on_duty = office.on_duty(list(table))
    assert on_duty == {number for number, is_allowed in table.items() if is_allowed}


def test_a_desk_phone_reaches_nothing_outside_but_emergency_services(office: Office) -> None:
    """What it dials is an extension or nothing: the dialplan rings what the view `extensions` names."""
    for number in numbers(office.home):
        for dialled in (number.text, office.keyed(number.text)):
            assert extensions.at(office.db, dialled) is None
    devices = [row[0] for row in office.db.execute("SELECT device FROM extensions").fetchall()]
    phones = {row[0] for row in office.db.execute("SELECT name FROM phones").fetchall()}
    assert {device.removeprefix("PJSIP/") for device in devices if device} == phones


@pytest.mark.parametrize("own_or_emergency", ["own", "112"])
def test_own_and_emergency_numbers_are_rung_by_no_way(office: Office, own_or_emergency: str) -> None:
    number = office.own if own_or_emergency == "own" else own_or_emergency
    support = department(office.db, "support")
    assert support is not None
    assert office.call(number).number_of_caller()[0] == ""
    assert office.call().number_keyed_in(number)[0] == ""
    assert office.call().transfer_target(number, support) is None
    assert office.on_duty([number]) == set()


# Every place that makes Asterisk dial, and where what it dials was judged. A new one has to be thought about.
DIALS_IN_THE_DIALPLAN = {
    "${PHONE}": "an agent's phone, from the store",
    "${RINGS}": "an agent's phone, or a number on duty that the config file was allowed",
    "${HASH(COLLEAGUE,device)}": "a desk phone, from the view `extensions`",
    "${HASH(BACK,device)}": "the desk phone of who has handed the caller over, from the same view",
    "${OUTSIDE_TO}": "a number outside that `HouseOfOneCall.outside` has let through, as for a callback",
    "${STRREPLACE(LINE,NUMBER,${SERVICE})}": "an emergency number of the country, rendered",
}
DIALS_IN_PYTHON = {
    "appliance/telephony/dialog.py": 2,  # an agent's phone; what `transfer_target` has let through
    "appliance/telephony/on_call_ring.py": 1,  # the same numbers on duty
    "appliance/telephony/callback_call.py": 1,  # a callback that was promised
}


def test_there_is_no_other_way_to_make_the_box_dial() -> None:
    dialplan = (APPLIANCE / "dialplan" / "extensions.conf").read_text("utf-8")
    dialled = [text for text in dialplan.splitlines() if re.search(r"\bDial\(", text)]
    assert all(any(f",Dial({what}," in text for what in DIALS_IN_THE_DIALPLAN) for text in dialled)
    assert all(any(f",Dial({what}," in text for text in dialled) for what in DIALS_IN_THE_DIALPLAN)
    places = {
        str(file.relative_to(APPLIANCE.parent)): len(re.findall(r'"Dial"', file.read_text("utf-8")))
        for file in APPLIANCE.rglob("*.py")
        if "simulator" not in file.parts
    }
    assert {file: count for file, count in places.items() if count} == DIALS_IN_PYTHON
