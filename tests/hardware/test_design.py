"""The wiring of `pins.toml`: no pin twice, none reserved, currents and levels as the boards allow."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.panel.pins import read_panel_pins
from hardware.boards import BOARDS, PI, PICO
from hardware.design import FILE, faults, read_design, sum_milliamperes
from hardware.electricity import (
    e12_at_least,
    led_resistor_ohms,
    low_level_volts,
    milliamperes,
    resistor_bands,
    resistor_code,
)

TEXT = FILE.read_text(encoding="utf-8")


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new)


def all_faults(text: str) -> str:
    design = read_design(text)
    return "\n".join([*faults(design.panel), *faults(design.desk_box)])


def test_what_is_built_has_no_fault() -> None:
    assert all_faults(TEXT) == ""


def test_every_lamp_and_contact_has_its_place() -> None:
    design = read_design()
    assert [lamp.name for lamp in design.panel.lamps] == [
        *(f"line {number}" for number in range(1, 9)),
        *("supervisor", "message", "callback", "night"),
    ]
    assert [contact.name for contact in design.panel.contacts] == ["night", "day", "address"]
    assert [lamp.name for lamp in design.desk_box.lamps] == ["red", "green", "blue"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("message = 19", "message = 13", "lamp message: GPIO 13 is used 2 times"),
        ("night = 26", "night = 5", "contact night: GPIO 5 is used 2 times"),
        ("message = 19", "message = 0", "GPIO 0 is reserved (ID memory of add-on boards)"),
        ("message = 19", "message = 3", "GPIO 3 is reserved (I2C)"),
        ("message = 19", "message = 10", "GPIO 10 is reserved (SPI)"),
        ("address = 4 ", "address = 14 ", "GPIO 14 is reserved (serial port)"),
        ("message = 19", "message = 28", "the Raspberry Pi has no GPIO 28 in its header"),
        ("button = 15", "button = 25", "the Raspberry Pi Pico has no GPIO 25 in its header"),
        ("message = 19", "message = 6", "lamp message: GPIO 6 is pulled up at the start"),
        ("blue = 18", "blue = 16", "lamp blue: GPIO 16 is used 2 times"),
        ("sending = 2", "sending = 15", "serial sending: GPIO 15 is used 2 times"),
        ("ever be an output\nresistor_ohms = 1000", "\nresistor_ohms = 22000", "is not low"),
        (
            "pin = 19\nresistor_ohms = 1000",
            "pin = 19\nresistor_ohms = 220",
            "buzzer: a piezo element charges with more than",
        ),
    ],
)
def test_a_wrong_pin_or_resistor_is_told(old: str, new: str, fault: str) -> None:
    assert fault in all_faults(changed(old, new))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("wanted_milliamperes = 2.0", "wanted_milliamperes = 14.0", "lamp line 1: "),
        ("wanted_milliamperes = 2.0", "wanted_milliamperes = 5.0", "all lamps together: "),
        ("wanted_milliamperes = 2.0", "wanted_milliamperes = 0.3", "would hardly light"),
        ("most_volts = 3.0", "most_volts = 3.3", "lamp blue: an LED of 3.3 V would hardly light"),
        (
            "wanted_milliamperes = 2.0",
            "wanted_milliamperes = 4.0",
            "mA through a broken LED is more than 12.0 mA",
        ),
    ],
)
def test_leds_that_do_not_fit_are_told(old: str, new: str, fault: str) -> None:
    assert fault in all_faults(TEXT.replace(old, new))


def test_an_led_that_needs_more_than_there_is_cannot_be_designed() -> None:
    with pytest.raises(ValueError, match=r"3\.4 V does not light at 3\.3 V"):
        read_design(TEXT.replace("typical_volts = 2.7", "typical_volts = 3.4"))


def test_the_sum_is_kept_even_with_a_broken_led() -> None:
    panel = read_design().panel
    usual = sum(milliamperes(3.3, lamp.led.typical_volts, lamp.ohms) for lamp in panel.lamps)
    assert usual < sum_milliamperes(panel) < panel.board.sum_milliamperes


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_a_header_has_forty_places_and_every_gpio_once(board: object) -> None:
    assert board in (PI, PICO)
    assert isinstance(board, type(PI))
    assert len(board.header) == 40
    numbers = [name for name in board.header if isinstance(name, int)]
    assert len(numbers) == len(set(numbers)) == {"Raspberry Pi": 28, "Raspberry Pi Pico": 26}[board.name]
    assert board.header.count("GND") == {"Raspberry Pi": 8, "Raspberry Pi Pico": 7}[board.name]
    assert set(board.reserved) <= board.gpios


@pytest.mark.parametrize(
    ("gpio", "position"), [(2, 3), (14, 8), (17, 11), (18, 12), (10, 19), (0, 27), (21, 40)]
)
def test_well_known_places_of_the_pi(gpio: int, position: int) -> None:
    assert PI.position(gpio) == position


@pytest.mark.parametrize(
    ("gpio", "position"), [(0, 1), (3, 5), (15, 20), (16, 21), (19, 25), (22, 29), (28, 34)]
)
def test_well_known_places_of_the_pico(gpio: int, position: int) -> None:
    assert PICO.position(gpio) == position


@pytest.mark.parametrize(
    ("ohms", "standard"), [(700, 820), (450, 470), (470, 470), (471, 560), (10, 10), (83, 100)]
)
def test_the_next_resistor_of_the_series(ohms: float, standard: int) -> None:
    assert e12_at_least(ohms) == standard


@given(st.floats(1, 1e6))
def test_a_standard_resistor_is_never_too_small_nor_much_too_large(ohms: float) -> None:
    standard = e12_at_least(ohms)
    assert ohms * (1 - 1e-6) <= standard
    assert standard <= max(10, ohms * 1.26)


@given(st.floats(2.5, 5.0), st.floats(1.0, 2.4), st.floats(0.1, 20))
def test_an_led_never_gets_more_than_was_wanted(supply: float, led: float, wanted: float) -> None:
    ohms = led_resistor_ohms(supply, led, wanted)
    assert milliamperes(supply, led, ohms) <= wanted * (1 + 1e-6)


def test_nothing_is_no_resistor() -> None:
    for ohms in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="ohms"):
            e12_at_least(ohms)


def test_a_contact_pulls_its_pin_low() -> None:
    assert low_level_volts(3.3, 49_000, 1000) == pytest.approx(0.066)


def test_how_resistors_are_written_and_painted() -> None:
    assert [resistor_code(ohms) for ohms in (82, 820, 1000, 1200, 47_000, 4_700_000)] == [
        *("82R", "820R", "1K", "1K2", "47K", "4M7"),
    ]
    assert resistor_bands(820) == ("grey", "red", "black", "black", "brown")
    assert resistor_bands(4700) == ("yellow", "violet", "black", "brown", "brown")
    assert resistor_bands(47) == ("yellow", "violet", "black", "gold", "brown")


def test_the_appliance_reads_the_same_pins() -> None:
    pins = read_panel_pins()
    design = read_design().panel
    assert [*pins.lines, *pins.lamps.values()] == [lamp.pin for lamp in design.lamps]
    assert dict(pins.contacts) == {contact.name: contact.pin for contact in design.contacts}
    assert tomllib.loads(TEXT)["panel"]["lines"] == list(pins.lines)
