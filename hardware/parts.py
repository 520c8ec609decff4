"""The parts list, as CSV: what to buy for one front panel, one desk box, a serial line to boxes, and one
analogue line with its emergency phone.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from hardware.design import Design, Unit
from hardware.electricity import resistor_code
from hardware.words import ohms_in_words, word

ESTIMATED = "2026-11"
"""When the prices were estimated. They are rough, for one piece, with tax and without postage."""

_DISTRIBUTOR = ("Distributor für Bauelemente", "distributor of components")
_MAIL_ORDER = ("Elektronik-Versand", "electronics mail order")
_MAKER_SHOP = ("Händler für Raspberry Pi", "Raspberry Pi reseller")
_ARCADE = ("Versand für Spielautomatenteile", "arcade parts mail order")
_BUILDERS = ("Elektronik-Versand oder Baumarkt", "electronics mail order or DIY store")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a part comes from: maker and order number (both empty where any will do), and kind of shop."""

    shop: tuple[str, str]
    maker: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A kind of part; texts in German and English."""

    name: tuple[str, str]
    needs: tuple[str, str]
    first: Source
    second: Source
    euros: tuple[float, float]


_HEAD = {
    "de": (
        *("Gerät", "Anzahl", "Teil", "Anforderung", "Hersteller 1", "Bestellnummer 1", "Quelle 1"),
        *(
            "Hersteller 2",
            "Bestellnummer 2",
            "Quelle 2",
            "Stückpreis von (EUR)",
            "Stückpreis bis (EUR)",
            "Stand",
        ),
    ),
    "en": (
        *("unit", "quantity", "part", "requirement", "maker 1", "order number 1", "source 1"),
        *("maker 2", "order number 2", "source 2", "price each from (EUR)", "price each to (EUR)", "as of"),
    ),
}

# What the makers call LEDs that are specified at 2 mA. Vishay document 83030; Broadcom (Avago) 5964-9371.
_LED_NUMBERS = {
    "green": ("TLLG5401", "HLMP-4740"),
    "red": ("TLLR5401", "HLMP-4700"),
    "yellow": ("TLLY5401", "HLMP-4719"),
}

_NIGHT_SWITCH = Part(
    ("Kippschalter, drei Stellungen", "toggle switch, three positions"),
    ("einpolig EIN-AUS-EIN, rastend, vergoldete Kontakte", "single pole ON-OFF-ON, latching, gold contacts"),
    Source(_DISTRIBUTOR, "NKK", "M2013, contact code G"),
    Source(_DISTRIBUTOR, "C&K", "7103, contact material B"),
    (3, 12),
)
_ADDRESS_BUTTON = Part(
    ("Drucktaster zum Einbau", "push button for panels"),
    ("Schließer, 12 bis 16 mm, vergoldete Kontakte", "normally open, 12 to 16 mm, gold contacts"),
    Source(_MAIL_ORDER),
    Source(_DISTRIBUTOR),
    (1, 8),
)
_HEADER_SOCKET = Part(
    ("Buchsenleiste 2 × 20", "female header 2 × 20"),
    ("Raster 2,54 mm, passt auf die Stiftleiste des Pi", "2.54 mm pitch, fits the header of the Pi"),
    Source(_DISTRIBUTOR, "Samtec", "SSW-120-01-T-D"),
    Source(_MAKER_SHOP),
    (1, 7),
)
_PICO = Part(
    ("Mikrocontroller-Platine", "microcontroller board"),
    (
        "Raspberry Pi Pico mit RP2040 (ohne oder mit Stiften)",
        "Raspberry Pi Pico, RP2040 (without or with pins)",
    ),
    Source(_MAKER_SHOP, "Raspberry Pi", "SC0915"),
    Source(_DISTRIBUTOR, "Raspberry Pi", "SC0917"),
    (4, 8),
)
_RGB = Part(
    ("LED, rot/grün/blau", "LED, red/green/blue"),
    (
        "5 mm, gemeinsame Kathode, diffus; muss bei 3,3 V an 330 Ω in allen Farben leuchten",
        "5 mm, common cathode, diffused; must light at 3.3 V through 330 Ω in every colour",
    ),
    Source(_MAKER_SHOP, "SparkFun", "COM-09264"),
    Source(_MAIL_ORDER),
    (0.3, 2.5),
)
_DESK_BUTTON = Part(
    ("großer Drucktaster", "large push button"),
    ("Schließer, 24 bis 30 mm Einbauloch", "normally open, for a hole of 24 to 30 mm"),
    Source(_ARCADE, "Sanwa", "OBSF-30"),
    Source(_ARCADE, "Seimitsu", "PS-14-G"),
    (2, 5),
)
_PIEZO = Part(
    ("Piezo-Summer", "piezo buzzer"),
    ("ohne eigene Elektronik (passiv), ab 3 V", "without electronics of its own (passive), from 3 V"),
    Source(_DISTRIBUTOR, "TDK", "PS1240P02BT"),
    Source(_DISTRIBUTOR, "Murata", "PKM13EPYH4000-A0"),
    (0.5, 2),
)
_DRIVER = Part(
    ("Leitungstreiber RS-485 (nur ohne USB)", "RS-485 line driver (only without USB)"),
    ("für 3,3 V", "for 3.3 V"),
    Source(_DISTRIBUTOR, "Analog Devices (Maxim)", "MAX3485CPA+"),
    Source(_DISTRIBUTOR, "MaxLinear", "SP3485EN-L"),
    (1, 7),
)
_BOARD = Part(
    ("Lochrasterplatine", "perforated board"),
    ("Raster 2,54 mm", "2.54 mm pitch"),
    Source(_MAIL_ORDER),
    Source(_DISTRIBUTOR),
    (1, 5),
)
_WIRE = Part(
    ("Litze 0,14 mm², mehrere Farben", "stranded wire 0.14 mm², several colours"),
    ("je Lampe und Schalter etwa 0,3 m", "about 0.3 m for each lamp and switch"),
    Source(_MAIL_ORDER),
    Source(_DISTRIBUTOR),
    (3, 10),
)
_PANEL_HOUSING = Part(
    ("Gehäuse mit Frontplatte", "enclosure with front panel"),
    ("Kunststoff; Platz für Pi, Karte und 12 Lampen", "plastic; room for the Pi, card and 12 lamps"),
    Source(_MAIL_ORDER),
    Source(_DISTRIBUTOR),
    (10, 40),
)
_DESK_HOUSING = Part(
    ("Kleingehäuse", "small enclosure"),
    ("Kunststoff, etwa 80 × 60 × 40 mm", "plastic, about 80 × 60 × 40 mm"),
    Source(_MAIL_ORDER),
    Source(_BUILDERS),
    (3, 10),
)
_USB_CABLE = Part(
    ("USB-Kabel", "USB cable"),
    ("A auf Micro-B mit Datenadern, höchstens 5 m", "A to Micro-B with data wires, at most 5 m"),
    Source(_MAIL_ORDER),
    Source(_BUILDERS),
    (2, 8),
)
_ADAPTER = Part(
    ("Adapter USB auf RS-485", "adapter from USB to RS-485"),
    (
        "mit selbsttätiger Richtungsumschaltung; kommt an den Pi",
        "switches its direction by itself; goes to the Pi",
    ),
    Source(_DISTRIBUTOR, "FTDI", "USB-RS485-WE-1800-BT"),
    Source(_MAIL_ORDER),
    (8, 40),
)
_PAIR = Part(
    ("Leitung mit verdrillten Paaren, je 10 m", "cable with twisted pairs, for each 10 m"),
    ("zwei Paare, etwa Cat 5: A/B, GND und 5 V", "two pairs, such as Cat 5: A/B, GND and 5 V"),
    Source(_MAIL_ORDER),
    Source(_BUILDERS),
    (4, 15),
)
_BYPASS_RELAY = Part(
    ("Fernmelderelais für das Notfalltelefon", "telecom relay for the emergency phone"),
    (
        "zwei Wechsler, Spule 5 V, Isolation zur Spule ab 1,5 kV",
        "two changeover contacts, coil for 5 V, at least 1.5 kV between contacts and coil",
    ),
    Source(_DISTRIBUTOR, "Panasonic", "TQ2-5V"),
    Source(_DISTRIBUTOR, "Omron", "G6K-2P DC5"),
    (2, 7),
)
_FLYBACK_DIODE = Part(
    ("Freilaufdiode über der Spule", "flyback diode across the coil"),
    ("für 1 A, Strich (Kathode) an plus", "for 1 A, bar (cathode) to plus"),
    Source(_DISTRIBUTOR, "Vishay", "1N4007"),
    Source(_DISTRIBUTOR, "onsemi", "1N4007"),
    (0.05, 0.3),
)
_SURGE_PROTECTOR = Part(
    ("Überspannungsschutz für a/b oder S0", "surge protector for a/b or S0"),
    (
        "Grob- und Feinschutz, wo Leitungen ins Freie gehen; vom Elektriker geerdet",
        "coarse and fine, where lines leave the building; earthed by an electrician",
    ),
    Source(_DISTRIBUTOR),
    Source(_MAIL_ORDER),
    (15, 80),
)
_TAE_CABLE = Part(
    ("Kabel TAE-F auf RJ11", "cable from TAE F to RJ11"),
    ("La und Lb auf 3 und 4", "La and Lb on 3 and 4"),
    Source(_MAIL_ORDER),
    Source(_BUILDERS),
    (2, 8),
)
_UNITS = {
    "de": ("Frontplatte", "Tischkästchen", "serielle Leitung", "analoge Leitung"),
    "en": ("front panel", "desk box", "serial line", "analogue line"),
}
_TERMINATION_OHMS = 120  # of an RS-485 line, at each end


def parts_list(design: Design, language: str) -> str:
    """The list as CSV: semicolons and decimal commas for a German spreadsheet, commas and points else."""
    german = language == "de"
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if german else ",", lineterminator="\n")
    writer.writerow(_HEAD[language])
    which = 0 if german else 1
    as_of = f"Schätzung {ESTIMATED}" if german else f"estimate {ESTIMATED}"
    for unit, number, part in _lines(design, *_UNITS[language]):
        prices = [f"{euros:.2f}".replace(".", "," if german else ".") for euros in part.euros]
        first, second = part.first, part.second
        writer.writerow(
            [
                *(unit, number, part.name[which], part.needs[which]),
                *(first.maker, first.number, first.shop[which]),
                *(second.maker, second.number, second.shop[which]),
                *(*prices, as_of),
            ]
        )
    return out.getvalue()


def _lines(
    design: Design, panel: str, desk_box: str, serial: str, analogue: str
) -> Iterator[tuple[str, int, Part]]:
    kinds = Counter(lamp.led.name for lamp in design.panel.lamps)
    yield from ((panel, number, _led(kind)) for kind, number in kinds.items())
    yield from ((panel, number, _resistor(ohms)) for ohms, number in sorted(_resistors(design.panel).items()))
    for part in (_NIGHT_SWITCH, _ADDRESS_BUTTON, _HEADER_SOCKET, _BOARD, _WIRE, _PANEL_HOUSING):
        yield panel, 1, part
    for part in (_PICO, _RGB):
        yield desk_box, 1, part
    yield from (
        (desk_box, number, _resistor(ohms)) for ohms, number in sorted(_resistors(design.desk_box).items())
    )
    for part in (_DESK_BUTTON, _PIEZO, _DRIVER, _BOARD, _WIRE, _DESK_HOUSING, _USB_CABLE):
        yield desk_box, 1, part
    yield serial, 1, _ADAPTER
    yield serial, 1, _PAIR
    yield serial, 2, _resistor(_TERMINATION_OHMS)
    for part in (_TAE_CABLE, _SURGE_PROTECTOR, _BYPASS_RELAY, _FLYBACK_DIODE):
        yield analogue, 1, part


def _resistors(unit: Unit) -> Counter[int]:
    ohms = [lamp.ohms for lamp in unit.lamps] + [contact.ohms for contact in unit.contacts]
    return Counter(ohms + ([unit.buzzer.ohms] if unit.buzzer else []))


def _led(kind: str) -> Part:
    vishay, broadcom = _LED_NUMBERS[kind]
    return Part(
        (f"LED {word(kind, 'de')}", f"LED {word(kind, 'en')}"),
        ("5 mm, diffus, für 2 mA", "5 mm, diffused, for 2 mA"),
        Source(_DISTRIBUTOR, "Vishay", vishay),
        Source(_DISTRIBUTOR, "Broadcom", broadcom),
        (0.1, 0.8),
    )


def _resistor(ohms: int) -> Part:
    zeros = len(str(ohms)) - 3
    return Part(
        (f"Widerstand {ohms_in_words(ohms).replace('.', ',')}", f"resistor {ohms_in_words(ohms)}"),
        ("Metallfilm, 1 %, ab 0,25 W", "metal film, 1 %, from 0.25 W"),
        Source(_DISTRIBUTOR, "Yageo", f"MFR-25FBF52-{resistor_code(ohms)}"),
        Source(_DISTRIBUTOR, "Vishay", f"MRS25000C{str(ohms)[:3]}{zeros}FCT00"),
        (0.02, 0.15),
    )
