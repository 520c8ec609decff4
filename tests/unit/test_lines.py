"""Lines of cards: what DAHDI tells is read, wired to what is set up, and rendered."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from appliance.cli import main
from appliance.hotline.lamps import Pattern
from appliance.hotline.line_states import LineState, Trouble, in_words, lines_lamp
from appliance.hotline.presence import PhoneState
from appliance.settings import DahdiLine, LineKind, Settings, SettingsError, SipLine, read_settings
from appliance.status import complaints, look
from appliance.store import times
from appliance.store.database import open_store
from appliance.store.lines import keep_line_states, line_states
from appliance.telephony.asterisk import templates_in
from appliance.telephony.lines.country import country
from appliance.telephony.lines.driver import configure_lines
from appliance.telephony.lines.finding import find_cards
from appliance.telephony.lines.hardware import (
    Alarm,
    Card,
    Kind,
    Port,
    alarms_from_bits,
    alarms_from_words,
    devices_in_listing,
)
from appliance.telephony.lines.proposal import propose
from appliance.telephony.lines.states import ChannelState, free_channels, states_in, stuck_channels
from appliance.telephony.lines.watch import links_in, states_of
from appliance.telephony.lines.wiring import overlap_entries, ranges, template_values, wire
from appliance.telephony.lines.words import describe, describe_devices
from appliance.telephony.manager import ManagerLink

# From the README of dahdi-tools.
LISTING = """pci:0000:00:0a.0     wcb4xxp+     d161:8014 Digium Wildcard B433 quad-BRI card
pci:0000:00:0b.0     wctdm-       e159:0001 Wildcard TDM400P REV H
usb:004/002          xpp_usb+     e4e4:1161 Astribank-multi USB-firmware
 LABEL=[usb:X1046493] CONNECTOR=@usb-0000:00:1d.7-3
"""


def sysfs(folder: Path, device: str, attributes: dict[str, str], spans: list[dict[str, object]]) -> None:
    """Make a device as the kernel shows it."""
    place = folder / device
    place.mkdir(parents=True)
    for name, value in attributes.items():
        (place / name).write_text(value + "\n")
    for span in spans:
        here = place / f"span-{span['number']}"
        here.mkdir()
        for name in ("alarms", "basechan", "channels", "is_digital", "spantype"):
            (here / name).write_text(f"{span[name]}\n")
        capabilities = span["sigcap"]
        assert isinstance(capabilities, list)
        for number, (sigcap, alarms) in enumerate(capabilities, start=1):
            channel = here / f"dahdi!chan!{span['number']:03}!{number:03}"
            channel.mkdir()
            (channel / "sigcap").write_text(sigcap + "\n")
            (channel / "alarms").write_text(alarms + "\n")


FXO_MODULE, FXS_MODULE = "FXSLS FXSKS (ToneOnly) SF", "FXOLS FXOGS FXOKS SF EM"
B_CHANNEL, D_CHANNEL = ("Clear DACS", ""), ("Hardware-assisted HDLC", "")


def isdn_span(number: int, first: int, alarms: str = "0x0") -> dict[str, object]:
    """A port of a BRI card."""
    return {
        "number": number,
        "alarms": alarms,
        "basechan": first,
        "channels": 3,
        "is_digital": 1,
        "spantype": "BRI_TE",
        "sigcap": [B_CHANNEL, B_CHANNEL, D_CHANNEL],
    }


@pytest.fixture
def cards(tmp_path: Path) -> list[Card]:
    """An ISDN card with two ports, the second without cable, and an analogue one with three modules."""
    b2 = {"hardware_id": "", "location": "PCI Bus 04 Slot 01", "manufacturer": "Digium", "type": "B233"}
    sysfs(tmp_path, "pci:0000:04:00.0", b2, [isdn_span(1, 1), isdn_span(2, 4, "0x8")])
    analogue: dict[str, object] = {
        "number": 3,
        "alarms": "0x0",
        "basechan": 7,
        "channels": 4,
        "is_digital": 0,
        "spantype": "ANALOG_MIXED",
        "sigcap": [(FXO_MODULE, ""), (FXO_MODULE, "RED"), (FXS_MODULE, ""), ("", "")],
    }
    a4 = {
        "hardware_id": "serial 7",
        "location": "PCI Bus 05 Slot 01",
        "manufacturer": "Digium",
        "type": "A4B",
    }
    sysfs(tmp_path, "pci:0000:05:00.0", a4, [analogue])
    return find_cards(tmp_path)


# What DAHDI tells


def test_dahdi_hardware_is_read() -> None:
    devices = devices_in_listing(LISTING)
    assert [device.has_driver for device in devices] == [True, False, True]
    assert describe_devices(devices, "en") == [
        "Wildcard TDM400P REV H (pci:0000:00:0b.0): no driver has taken it."
    ]
    assert "kein Treiber" in describe_devices(devices, "de")[0]


@pytest.mark.parametrize(
    ("bits", "words", "alarms"),
    [
        ("0x0", "OK", frozenset()),
        ("0x8", "RED", {Alarm.RED}),
        ("0xc", "YELLOW/RED", {Alarm.RED, Alarm.YELLOW}),
        ("0x1", "RECOVERING", {Alarm.RECOVERING}),
        ("", "No Alarm", frozenset()),
    ],
)
def test_alarms_mean_the_same_however_they_are_written(bits: str, words: str, alarms: set[Alarm]) -> None:
    assert alarms_from_bits(bits) == alarms_from_words(words) == alarms


def test_cards_are_found_with_their_ports(cards: list[Card]) -> None:
    isdn, analogue = cards
    assert [(port.number, port.kind, port.channels) for port in isdn.ports] == [
        (1, Kind.BRI, (1, 2, 3)),
        (2, Kind.BRI, (4, 5, 6)),
    ]
    assert isdn.identity == "PCI Bus 04 Slot 01", "what has no serial number is known by its slot"
    assert isdn.ports[0].hard_hdlc
    assert [(port.number, port.kind, port.has_signal) for port in analogue.ports] == [
        (1, Kind.FXO, True),
        (2, Kind.FXO, False),
        (3, Kind.FXS, True),
        (4, None, True),
    ]
    assert analogue.identity == "serial 7"


def test_there_are_no_cards_without_dahdi(tmp_path: Path) -> None:
    assert find_cards(tmp_path / "nothing") == []
    assert describe([], "de") == ["Keine Karte für Telefonleitungen gefunden."]


def test_cards_are_described_in_plain_words(cards: list[Card]) -> None:
    assert describe(cards[:1], "en") == [
        "Digium B233 (2 ports, PCI Bus 04 Slot 01): port 1 ISDN, connected, port 2 ISDN, no signal"
    ]
    assert describe(cards[:1], "de") == [
        "Digium B233 (2 Anschlüsse, PCI Bus 04 Slot 01):"
        " Anschluss 1 ISDN, verbunden, Anschluss 2 ISDN, kein Signal"
    ]


# What is proposed, and what is set up


def test_a_proposal_fits_the_cards_and_is_what_the_settings_take(cards: list[Card], tmp_path: Path) -> None:
    lines = propose(cards, numbers=("+4993155510",), phones=("desk_1",))
    wired, faults = wire(lines, cards)
    assert not faults
    assert [(line.line.kind, line.line.ports) for line in wired] == [
        (LineKind.BRI_PTP, (1,)),
        (LineKind.FXO, (1,)),
        (LineKind.FXS, (3,)),
    ], "ports without signal are not proposed"
    settings = Settings(tmp_path / "box", lines=tuple(lines))
    settings.write()
    assert read_settings(tmp_path / "box") == settings


def test_what_the_admin_set_stays_in_a_proposal(cards: list[Card]) -> None:
    ours = DahdiLine("ours", LineKind.BRI_PTMP, (1,), card="PCI Bus 04 Slot 01", msns=("555",))
    lines = propose(cards, numbers=("+4993155510",), phones=(), kept=(ours,))
    assert lines[0] == ours
    assert [line.kind for line in lines] == [LineKind.BRI_PTMP, LineKind.FXO]


def test_a_card_that_moved_is_found_by_its_number_and_one_that_vanished_is_said(cards: list[Card]) -> None:
    moved = Card("serial 7", "Digium A4B", "PCI Bus 09 Slot 01", (Port(1, Kind.FXO, 1, (1,)),))
    line = DahdiLine("old", LineKind.FXO, (1,), card="serial 7", number="+49")
    assert wire([line], cards)[0][0].carriers == (7,)
    assert wire([line], [moved])[0][0].carriers == (1,)
    wired, (fault,) = wire([line], cards[:1])
    assert not wired
    assert fault.english == "Line old: the card serial 7 is not there."
    assert "nicht da" in fault.german


def test_a_card_that_is_known_by_its_place_is_looked_for_in_other_places(cards: list[Card]) -> None:
    line = DahdiLine("ours", LineKind.BRI_PTP, (1,), card="PCI Bus 01 Slot 01")
    _, (fault,) = wire([line], cards)
    assert fault.english.endswith('Is it in another place now? Then: card = "PCI Bus 04 Slot 01"')
    assert fault.german.endswith('Steckt sie jetzt woanders? Dann: card = "PCI Bus 04 Slot 01"')
    other = DahdiLine("other", LineKind.BRI_PTP, (1,), card="PCI Bus 04 Slot 01", group=2)
    _, (fault,) = wire([line, other], cards)
    assert fault.english.endswith("not there."), "that one has a line of its own"


def test_what_does_not_fit_is_left_out_and_said(cards: list[Card]) -> None:
    card = "PCI Bus 04 Slot 01"
    lines = [
        DahdiLine("a", LineKind.FXO, (1,), card=card, number="+49"),
        DahdiLine("b", LineKind.BRI_PTP, (1, 9), card=card, group=2),
        DahdiLine("c", LineKind.BRI_PTP, (1,), card=card, group=3),
        DahdiLine("d", LineKind.BRI_PTP, (1,), group=4),
    ]
    wired, faults = wire(lines, cards)
    assert [line.line.name for line in wired] == ["b"]
    assert [fault.english for fault in faults] == [
        "Line a: port 1 is ISDN, the line needs FXO.",
        "Line b: the card PCI Bus 04 Slot 01 has no port 9.",
        "Line c: port 1 already belongs to line b.",
        "Line d: there are several cards, card must name one: PCI Bus 04 Slot 01, serial 7",
    ]
    assert all(fault.german != fault.english for fault in faults)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('kind = "bri"\nports = [1]', "kind must be one of"),
        ('kind = "pri"', "ports is missing"),
        ('kind = "pri"\nports = []', "ports must name each port"),
        ('kind = "pri"\nports = [1, 1]', "ports must name each port"),
        ('kind = "pri"\nports = [true]', "ports must be a list of whole numbers"),
        ('kind = "pri"\nports = [1]\nmsns = ["1"]', "msns belong to a line of kind bri-ptmp"),
        ('kind = "bri-ptmp"\nports = [1]\nmsns = ["1,2"]', "msns must be a list of texts of digits"),
        ('kind = "fxo"\nports = [1]', "number must say which"),
        ('kind = "fxo"\nports = [1]\nnumber = "1\\nexten"', "number must be a text"),
        (
            'kind = "fxo"\nports = [1]\nnumber = "1"\nbusy_pattern = [480]',
            "busy_pattern must have two or four",
        ),
        ('kind = "fxo"\nports = [1]\nnumber = "1"\nreceive_gain = 40', "receive_gain must be decibels"),
        ('kind = "fxo"\nports = [1]\nnumber = "1"\ncaller_id = "v24"', "caller_id must be a text"),
        ('kind = "fxo"\nports = [1]\nnumber = "1"\npolarity_answers = 1', "polarity_answers must be true or"),
        ('kind = "fxs"\nports = [1, 2]\nphones = ["a"]', "phones must name a phone for each port"),
        ('kind = "fxs"\nports = [1]\nphones = ["a]"]', "phones must be a list of texts of letters"),
        ('kind = "pri"\nports = [1]\nbuffers = 99', "buffers must be a whole number from 2 to 32"),
        ('kind = "pri"\nports = [1]\nhost = "x"', "there is no setting host"),
    ],
)
def test_a_line_that_cannot_be_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "box.toml").write_text(f'[[line]]\nname = "line"\n{text}\n')
    with pytest.raises(SettingsError, match=complaint) as caught:
        read_settings(tmp_path)
    assert caught.value.german != caught.value.english


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("line_patience_seconds = -1", "line_patience_seconds must be a whole number"),
        ("line_patience_seconds = 1.5", "line_patience_seconds must be a whole number"),
        ("emergency_ends_calls = 1", "emergency_ends_calls must be true or false"),
    ],
)
def test_a_setting_of_all_lines_that_cannot_be_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "box.toml").write_text(text + "\n")
    with pytest.raises(SettingsError, match=complaint):
        read_settings(tmp_path)


def test_settings_of_all_lines_are_read_back(tmp_path: Path) -> None:
    settings = Settings(tmp_path, emergency_ends_calls=False, line_patience_seconds=300)
    settings.write()
    assert read_settings(tmp_path) == settings


def test_the_example_for_people_is_one_the_box_takes(tmp_path: Path) -> None:
    readme = Path(__file__).parents[2] / "appliance/telephony/lines/README.md"
    text = readme.read_text(encoding="utf-8")
    (tmp_path / "box.toml").write_text(text.partition("```toml\n")[2].partition("```")[0])
    settings = read_settings(tmp_path)
    assert [line.name for line in settings.card_lines] == ["isdn", "bus", "fax_line"]
    assert [line.group for line in settings.card_lines] == [1, 2, 3]
    for field in fields(DahdiLine):
        assert field.name in ("name", "group") or f"`{field.name}`" in text, f"{field.name} is not explained"


def test_two_lines_have_two_names(tmp_path: Path) -> None:
    line = '[[line]]\nname = "line"\nkind = "pri"\nports = [1]\n'
    (tmp_path / "box.toml").write_text(line + line)
    with pytest.raises(SettingsError, match="two lines line"):
        read_settings(tmp_path)


def test_a_line_knows_how_many_calls_it_carries_and_how_it_is_dialled() -> None:
    isdn = DahdiLine("isdn", LineKind.BRI_PTP, (1, 2), group=3)
    assert (isdn.channels, isdn.analogue) == (4, False)
    assert isdn.destination("+491701234567", "01701234567") == "DAHDI/G3/01701234567"
    assert DahdiLine("old", LineKind.FXO, (1,), number="1").analogue
    assert not DahdiLine("old", LineKind.FXO, (1,), number="1", polarity_answers=True).analogue
    net = SipLine("net", "h", 5060)
    assert net.destination("+491701234567", "01701234567") == "PJSIP/net/sip:+491701234567@h:5060"
    assert net.destination_if_alive("112") == "PJSIP/112@net"
    assert SipLine("net", "h", 1).carries("PJSIP/net-00000001")
    assert not SipLine("net", "h", 1).carries("PJSIP/net2-00000001")


# Numbers that arrive digit by digit


def what_happens(entries: list[str], digits: str) -> tuple[str, bool]:
    """As Asterisk does: collect digits while more could match; what was taken, and whether by timeout."""
    taken = ""
    for digit in digits:
        taken += digit
        exact = taken in entries
        more = any(entry.startswith(taken) and entry != taken for entry in entries)
        more |= any(
            entry[1:].partition("[")[0].startswith(taken) for entry in entries if entry.startswith("_")
        )
        early = any(
            entry.startswith("_")
            and taken[:-1] == entry[1:].partition("[")[0]
            and digit in entry.partition("[")[2].partition("]")[0]
            for entry in entries
        )
        if early or (exact and not more):
            return taken, False
    return taken, True


@given(
    numbers=st.sets(st.text("0123456789", min_size=1, max_size=4), min_size=1, max_size=6),
    dialled=st.text("0123456789", min_size=1, max_size=6),
)
def test_dialling_ends_with_the_last_digit_wherever_that_is_certain(numbers: set[str], dialled: str) -> None:
    entries = overlap_entries(numbers)
    taken, by_timeout = what_happens(entries, dialled)
    longest = max((n for n in numbers if dialled.startswith(n)), key=len, default="")
    could_go_on = any(n.startswith(taken) and n != taken for n in numbers)
    assert by_timeout == could_go_on
    if not by_timeout:
        assert taken == longest or not any(n.startswith(taken) for n in numbers) or taken in numbers
    if by_timeout:
        assert taken == dialled
        assert taken in entries, "a number that stops too early is taken after a while"


def test_numbers_behind_a_head_number() -> None:
    assert overlap_entries({"10", "20"}) == [
        "1",
        "10",
        "2",
        "20",
        "_1[123456789]!",
        "_2[123456789]!",
        "_[03456789]!",
    ]
    assert overlap_entries([]) == ["_[0123456789]!"]


# What is rendered


def rendered(cards: list[Card], *lines: DahdiLine) -> dict[str, str]:
    """The three files, from the templates of the box."""
    wired, faults = wire(lines, cards)
    assert not faults
    values = template_values(
        wired,
        country=country("DE"),
        area_code="0931",
        dialled=["+4993155510", "93155510", "93155520"],
        extensions={"desk_1": "21"},
        inside=["21", "22", "70", "110", "112"],
    )
    templates = templates_in(Path(__file__).parents[2] / "appliance/telephony/config/box")
    names = ("system.conf", "chan_dahdi.conf", "lines.conf")
    return {
        name: templates.get_template(f"{name}.j2").render(
            {"language": "de", "emergency_numbers": ["110", "112"], **values}
        )
        for name in names
    }


def settings_of(text: str, channel: str) -> dict[str, str]:
    """What is in force in chan_dahdi.conf for a `channel =>` line."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith(f"channel => {channel}"):
            return found
        key, _, value = line.partition("=")
        found[key.strip()] = value.strip()
    raise AssertionError(f"no channel {channel} in\n{text}")


def test_a_line_takes_nothing_over_from_the_lines_before_it(cards: list[Card]) -> None:
    """Asterisk hands every setting on to the channels behind; numbers of a bus would silence another line."""
    isdn, analogue = cards[0].identity, "serial 7"
    files = rendered(
        cards,
        DahdiLine("bus", LineKind.BRI_PTMP, (1,), card=isdn, msns=("55510",)),
        DahdiLine("old", LineKind.FXO, (1,), card=analogue, number="+49", group=2),
        DahdiLine("desk", LineKind.FXS, (3,), card=analogue, phones=("desk_1",), group=3),
        DahdiLine("isdn", LineKind.BRI_PTP, (2,), card=isdn, group=4),
    )
    channel = settings_of(files["chan_dahdi.conf"], "4")
    assert (channel["context"], channel["msn"]) == ("line-isdn", "")
    assert (channel["busydetect"], channel["callerid"]) == ("no", "asreceived")


def test_an_isdn_line_with_numbers_behind_a_head_number(cards: list[Card]) -> None:
    files = rendered(
        cards, DahdiLine("isdn", LineKind.BRI_PTP, (1, 2), card=cards[0].identity, head="931555")
    )
    system = files["system.conf"].splitlines()
    for line in (
        "span=1,1,0,ccs,ami",
        "bchan=1-2",
        "hardhdlc=3",
        "echocanceller=mg2,1-2",
        "span=2,2,0,ccs,ami",
    ):
        assert line in system
    assert "loadzone = de" in system
    channel = settings_of(files["chan_dahdi.conf"], "4-5")
    assert (channel["signalling"], channel["overlapdial"], channel["switchtype"]) == (
        "bri_cpe",
        "incoming",
        "euroisdn",
    )
    assert (channel["context"], channel["localprefix"], channel["group"]) == ("line-isdn", "0931", "1")
    assert "exten => 10,1,Goto(from-line,931555${EXTEN},1)" in files["lines.conf"]


def test_an_isdn_bus_takes_only_our_numbers(cards: list[Card]) -> None:
    files = rendered(
        cards, DahdiLine("bus", LineKind.BRI_PTMP, (1,), card=cards[0].identity, msns=("55510", "55520"))
    )
    channel = settings_of(files["chan_dahdi.conf"], "1-2")
    assert (channel["signalling"], channel["msn"], channel["overlapdial"]) == (
        "bri_cpe_ptmp",
        "55510,55520",
        "no",
    )
    assert "exten => _[+0-9]!,1,Goto(from-line,${EXTEN},1)" in files["lines.conf"]


def test_an_analogue_line_has_german_tones(cards: list[Card]) -> None:
    line = DahdiLine("old", LineKind.FXO, (1,), card="serial 7", number="+4993155510", receive_gain=2.5)
    files = rendered(cards, line)
    assert "fxsks=7" in files["system.conf"]
    channel = settings_of(files["chan_dahdi.conf"], "7")
    assert (channel["signalling"], channel["cidsignalling"], channel["busypattern"]) == (
        "fxs_ks",
        "v23",
        "480,480",
    )
    assert (channel["busydetect"], channel["rxgain"]) == ("yes", "2.5")
    assert "exten => s,1,Goto(from-line,+4993155510,1)" in files["lines.conf"]


def test_a_handset_is_a_desk_phone(cards: list[Card]) -> None:
    files = rendered(cards, DahdiLine("desk", LineKind.FXS, (3,), card="serial 7", phones=("desk_1",)))
    assert "fxoks=9" in files["system.conf"]
    channel = settings_of(files["chan_dahdi.conf"], "9")
    assert (channel["signalling"], channel["context"], channel["transfer"]) == ("fxo_ks", "handsets", "yes")
    assert channel["callerid"] == "21 <21>"
    assert "line-desk" not in files["lines.conf"]


def test_a_handset_dials_digit_by_digit(cards: list[Card]) -> None:
    """Each complete number goes on to what all phones dial; what could be longer is waited for."""
    desk = DahdiLine("desk", LineKind.FXS, (3,), card="serial 7", phones=("desk_1",))
    begins = rendered(cards, desk)["lines.conf"].partition("[handsets]")[2]
    assert begins.startswith("\ninclude => dial-tone\n")
    found = re.findall(r"exten => (\S+),1,Goto\(phones,\$\{EXTEN\},1\)", begins)
    assert set(found) == {
        *("1", "11", "110", "112", "2", "21", "22", "7", "70"),
        *("_[345689]!", "_1[023456789]!", "_11[13456789]!", "_2[03456789]!", "_7[123456789]!"),
        *("_0.", "_*XX", "#"),
    }


def test_a_primary_rate_line_leaves_out_its_d_channel() -> None:
    card = Card("x", "TE133", "", (Port(1, Kind.PRI, 1, tuple(range(1, 32))),))
    files = rendered([card], DahdiLine("trunk", LineKind.PRI, (1,)))
    assert "bchan=1-15,17-31\ndchan=16\n" in files["system.conf"]
    assert "span=1,1,0,ccs,hdb3,crc4" in files["system.conf"]
    assert settings_of(files["chan_dahdi.conf"], "1-15,17-31")["signalling"] == "pri_cpe"


def test_other_countries_differ_only_where_said() -> None:
    assert country("DE").busy_pattern == (480, 480)
    assert country("NL").caller_id == "dtmf"
    assert country("NL").international_prefix == "00"
    assert country("??") == country("DE")


def test_channels_are_written_as_ranges() -> None:
    assert ranges([3, 1, 2, 17, 18, 31]) == "1-3,17-18,31"


# What Asterisk tells


def test_a_channel_is_free_when_it_has_neither_call_nor_alarm() -> None:
    states = states_in(
        [
            {"DAHDIChannel": "1", "Channel": "", "Alarm": "No Alarm"},
            {"DAHDIChannel": "2", "Channel": "DAHDI/i1/0170-1", "Alarm": "No Alarm"},
            {"DAHDIChannel": "4", "Alarm": "Red Alarm"},
            {"DAHDIChannel": "pseudo"},
        ]
    )
    assert free_channels(states, (1, 2, 4, 5)) == 1


# What a line can do now


def a_line(kind: LineKind = LineKind.BRI_PTP, **changes: object) -> DahdiLine:
    """A line on the first port of a card of its own."""
    return replace(DahdiLine("line", kind, (1,), card="x"), **changes)  # type: ignore[arg-type]


def a_card(*alarms: frozenset[Alarm], kind: Kind = Kind.BRI) -> Card:
    """A card with a port for each set of alarms."""
    size = 3 if kind is Kind.BRI else 1
    ports = tuple(
        Port(i + 1, kind, i + 1, tuple(range(i * size + 1, i * size + size + 1)), found)
        for i, found in enumerate(alarms)
    )
    return Card("x", "card", "", ports)


OK, RED = frozenset[Alarm](), frozenset({Alarm.RED})
IDLE = {number: ChannelState(number, "", OK) for number in range(1, 7)}


@pytest.mark.parametrize(
    ("ports", "cards", "channels", "links", "trouble", "free"),
    [
        ((1,), [a_card(OK)], IDLE, {1: True}, Trouble.NONE, 2),
        ((1,), [a_card(OK)], IDLE | {2: ChannelState(2, "DAHDI/i1/1-1", OK)}, {1: True}, Trouble.NONE, 1),
        ((1,), [], IDLE, {1: True}, Trouble.CARD_MISSING, 0),
        ((1,), [a_card(RED)], IDLE, {1: False}, Trouble.NO_SIGNAL, 0),
        ((1,), [a_card(OK)], IDLE, {1: False}, Trouble.NO_LINK, 0),
        ((1,), [a_card(OK)], {}, {1: True}, Trouble.NOT_TAKEN, 0),
        ((1, 2), [a_card(OK, OK)], IDLE, {1: True, 2: True}, Trouble.NONE, 4),
        ((1, 2), [a_card(OK, RED)], IDLE, {1: True, 2: False}, Trouble.PARTLY, 4),
        ((1, 2), [a_card(OK)], IDLE, {1: True}, Trouble.CARD_MISSING, 2),
    ],
)
def test_the_state_of_a_line(
    ports: tuple[int, ...],
    cards: list[Card],
    channels: dict[int, ChannelState],
    links: dict[int, bool],
    trouble: Trouble,
    free: int,
) -> None:
    (state,) = states_of([a_line(ports=ports)], cards, channels, links)
    assert (state.trouble, state.free) == (trouble, free)


def test_a_handset_that_is_not_plugged_in_is_no_trouble() -> None:
    line = a_line(LineKind.FXS, phones=("desk_1",))
    (state,) = states_of([line], [a_card(OK, kind=Kind.FXS)], IDLE, {})
    assert state.trouble is Trouble.NONE


def test_a_channel_that_is_in_use_for_a_call_that_is_over_is_stuck() -> None:
    """Calls that begin or end while Asterisk is asked are not."""
    over, ends, goes_on = (f"DAHDI/i1/0170-{n}" for n in range(3))
    answers = {
        "CoreShowChannels": [{"Channel": goes_on}],
        "DAHDIShowChannels": [
            {"DAHDIChannel": "1", "Channel": over},
            {"DAHDIChannel": "2", "Channel": "DAHDI/i1/0170-3"},
            {"DAHDIChannel": "4", "Channel": goes_on},
        ],
    }

    class Asterisk:
        def send_list(self, action: str, _: object) -> list[Any]:
            """What it says now."""
            return [SimpleNamespace(headers=headers) for headers in answers[action]]

    asked = {1: over, 2: ends, 4: goes_on, 5: ""}
    before = {number: ChannelState(number, call, OK) for number, call in asked.items()}
    assert stuck_channels(cast(ManagerLink, Asterisk()), before) == {1}
    (state,) = states_of([a_line()], [a_card(OK)], IDLE, {1: True}, {1})
    assert (state.trouble, state.phone_state) == (Trouble.STUCK, PhoneState.IDLE)
    (state,) = states_of([a_line()], [a_card(OK)], IDLE, {1: True}, {4})
    assert state.trouble is Trouble.NONE, "that is a channel of another line"


def test_links_are_read() -> None:
    events = [{"Span": "1", "Up": "Yes"}, {"Span": "2", "Up": "No"}, {"Span": ""}]
    assert links_in(events) == {1: True, 2: False}


NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)


def a_state(trouble: Trouble = Trouble.NONE, seconds: float = 0, free: int = 2) -> LineState:
    """A line that has been like this for so long."""
    return LineState("isdn", "bri-ptp", 2, 2 - free, free, trouble, NOON - timedelta(seconds=seconds))


def test_the_lamp_of_the_lines_tells_the_worst() -> None:
    assert lines_lamp([], NOON) is Pattern.OFF
    assert lines_lamp([a_state()], NOON) is Pattern.GREEN
    assert lines_lamp([a_state(free=0)], NOON) is Pattern.AMBER
    assert lines_lamp([a_state(), a_state(Trouble.NO_SIGNAL, 59)], NOON) is Pattern.AMBER_BLINKING
    assert lines_lamp([a_state(), a_state(Trouble.NO_SIGNAL, 60)], NOON) is Pattern.RED


def test_every_trouble_has_words() -> None:
    for trouble in Trouble:
        german, english = in_words(trouble, "de"), in_words(trouble, "en")
        assert bool(german) == bool(english) == bool(trouble)
        assert not german or german != english


def test_a_trouble_is_counted_from_when_it_began(tmp_path: Path) -> None:
    db = open_store(tmp_path / "store.db")
    later = NOON + timedelta(seconds=30)
    keep_line_states(db, [a_state(Trouble.NO_SIGNAL)], NOON)
    keep_line_states(db, [a_state(Trouble.NO_SIGNAL)], later)
    assert [state.since for state in line_states(db)] == [NOON]
    keep_line_states(db, [a_state()], later)
    (state,) = line_states(db)
    assert (state.trouble, state.since) == (Trouble.NONE, later)
    keep_line_states(db, [], later)
    assert line_states(db) == []
    db.close()


def test_a_line_in_trouble_is_said_by_status(tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    db = open_store(settings.store)
    began = times.now() - timedelta(minutes=2)
    keep_line_states(db, [a_state(Trouble.NO_SIGNAL)], began)
    patient = replace(settings, line_patience_seconds=300)
    assert "Line isdn: no signal, check the cable." not in complaints(look(db, patient, frozenset()), "en")
    found = look(db, settings, frozenset())
    assert "Leitung isdn: kein Signal, bitte das Kabel prüfen." in complaints(found, "de")
    assert "Line isdn: no signal, check the cable." in complaints(found, "en")
    db.close()


def test_the_command_shows_the_lines(tmp_path: Path) -> None:
    db = open_store(Settings(tmp_path).store)
    keep_line_states(db, [a_state(Trouble.NO_LINK)], NOON)
    db.close()
    result = CliRunner().invoke(main, ["--state", str(tmp_path), "lines", "--json"])
    assert result.exit_code == 1, "somebody should look"
    (row,) = json.loads(result.output)
    assert (row["line"], row["trouble"], row["since"]) == ("isdn", "no link", "2026-03-02T11:00:00.000Z")
    result = CliRunner().invoke(main, ["--state", str(tmp_path), "lines"], env={"LANG": "de_DE.UTF-8"})
    assert "2 von 2 frei" in result.output


def test_a_line_the_driver_refuses_does_not_take_the_others_with_it(
    cards: list[Card], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "dahdi_cfg"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nif grep -q wrong "$2"; then echo "not\nsupported" >&2; exit 1; fi\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    card = cards[0].identity
    lines = [
        DahdiLine("wrong", LineKind.BRI_PTP, (1,), card=card),
        DahdiLine("right", LineKind.PRI, (2,), card=card),
    ]
    wired = [wire([replace(line, kind=LineKind.BRI_PTP)], cards)[0][0] for line in lines]
    taken, (fault,) = configure_lines(wired, lambda line: f"# {line.line.name}", tmp_path)
    assert [line.line.name for line in taken] == ["right"]
    assert fault.english == "Line wrong: the driver does not take it like this: not supported"
    assert not list(tmp_path.glob("system-*"))
