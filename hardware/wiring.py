"""The wiring pictures: a header in the middle, and everything at the height of its position.

Odd positions go to the left, even ones to the right (on the Pico: 1 to 20 and 21 to 40), so that no two
wires cross. All distances are in units of the picture, from the header outwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from hardware.boards import PI, Board
from hardware.design import Buzzer, Contact, Lamp, Unit
from hardware.words import ohms_in_words, word

_ROW = 34
_TOP = 150
_WIDTH = 1240
_MIDDLE = _WIDTH / 2
_PIN = 17  # from the middle to a pin
_NAME, _WIRE, _RESISTOR, _PART, _TEXT, _GROUND = 34, 108, 150, 262, 300, 500
_COLOURS = {"red": "#d22", "green": "#1a9c3c", "blue": "#25d", "yellow": "#e8b400"}
_STYLE = (
    "text{font:15px 'DejaVu Sans',Verdana,sans-serif;fill:#111}.small{font-size:12px}.number{font-size:11px}"
    ".title{font-size:24px;font-weight:bold}.faint{fill:#999}.bold{font-weight:bold}"
    ".wire{stroke:#111;stroke-width:2;fill:none}.part{stroke:#111;stroke-width:2;fill:#fff}"
)


class _Sheet:
    """Collects shapes; a side is -1 for left and 1 for right."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.shapes: list[str] = []
        self._two_columns = board is not PI

    def place(self, position: int) -> tuple[int, float]:
        """Side and height of a position in the header."""
        if self._two_columns:
            row, side = (position - 1, -1) if position <= 20 else (40 - position, 1)
        else:
            row, side = (position - 1) // 2, -1 if position % 2 else 1
        return side, _TOP + row * _ROW

    def x(self, side: int, distance: float) -> float:
        """Where something is so far away from the middle."""
        return _MIDDLE + side * (_PIN + distance)

    def wire(self, side: int, *points: tuple[float, float]) -> None:
        """A wire through points (distance, height)."""
        path = " ".join(f"{self.x(side, distance):g},{y:g}" for distance, y in points)
        self.shapes.append(f'<polyline class="wire" points="{path}"/>')

    def text(self, x: float, y: float, text: str, *, anchor: str = "middle", kind: str = "") -> None:
        """Words; their foot is at `y`."""
        css = f' class="{kind}"' if kind else ""
        self.shapes.append(f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{css}>{escape(text)}</text>')

    def outwards(self, side: int, distance: float, y: float, text: str, kind: str = "") -> None:
        """Words that begin at a distance and go outwards."""
        self.text(self.x(side, distance), y, text, anchor="start" if side > 0 else "end", kind=kind)

    def dot(self, side: int, distance: float, y: float) -> None:
        """Where wires are joined."""
        self.dots(y, self.x(side, distance))

    def dots(self, y: float, *xs: float) -> None:
        """Contacts that are closed."""
        self.shapes += (f'<circle cx="{x:g}" cy="{y:g}" r="4" fill="#111"/>' for x in xs)

    def box(self, x: float, y: float, width: float, height: float) -> None:
        """A part with round corners."""
        size = f'width="{width:g}" height="{height:g}" rx="5"'
        self.shapes.append(f'<rect class="part" x="{x:g}" y="{y:g}" {size}/>')

    def resistor(self, side: int, y: float, ohms: int) -> None:
        """A resistor in a wire."""
        x = self.x(side, _RESISTOR)
        self.shapes.append(f'<rect class="part" x="{x - 22:g}" y="{y - 6:g}" width="44" height="12"/>')
        self.text(x, y - 10, ohms_in_words(ohms), kind="small")

    def led(self, side: int, y: float, colour: str) -> None:
        """An LED in a wire; its bar, the cathode, is outside."""
        x = self.x(side, _PART)
        point, base = x + side * 11, x - side * 11
        self.shapes.append(
            f'<polygon points="{base:g},{y - 11:g} {base:g},{y + 11:g} {point:g},{y:g}" stroke="#111" '
            f'stroke-width="2" fill="{colour}"/>'
            f'<line class="wire" x1="{point:g}" y1="{y - 11:g}" x2="{point:g}" y2="{y + 11:g}"/>'
        )

    def push_button(self, side: int, y: float) -> None:
        """A contact in a wire that closes when pressed."""
        near, far = self.x(side, _PART - 20), self.x(side, _PART + 20)
        left, right = sorted((near, far))
        self.shapes.append(
            f'<rect x="{left:g}" y="{y - 4:g}" width="40" height="8" fill="#fff"/>'
            f'<circle class="part" cx="{near:g}" cy="{y:g}" r="4"/>'
            f'<circle class="part" cx="{far:g}" cy="{y:g}" r="4"/>'
            f'<path class="wire" d="M{left:g} {y - 10:g}H{right:g}M{(left + right) / 2:g} {y - 10:g}v-10"/>'
        )

    def svg(self, height: float) -> str:
        """The picture."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:g}">\n'
            f"<style>{_STYLE}</style>\n"
            f'<rect width="{_WIDTH}" height="{height:g}" fill="#fff"/>\n'
            + "\n".join(self.shapes)
            + "\n</svg>\n"
        )


def panel_picture(unit: Unit, language: str) -> str:
    """How the front panel is wired to the Raspberry Pi."""
    german = language == "de"
    sheet = _Sheet(unit.board)
    _head(
        sheet,
        "Frontplatte am Raspberry Pi" if german else "Front panel at the Raspberry Pi",
        "Stiftleiste von oben; Position 1 liegt bei der SD-Karte, gerade Positionen am Rand der Platine."
        if german
        else "Header from above; position 1 is near the SD card, even positions at the board's edge.",
    )
    contacts = {contact.name: contact for contact in unit.contacts}
    switch = [contacts.pop("night"), contacts.pop("day")]
    _header(sheet, unit)
    for lamp in unit.lamps:
        _lamp(sheet, lamp, word(lamp.name, language), _COLOURS[lamp.led.name])
    for contact in contacts.values():
        _button(sheet, contact, word(contact.name, language))
    _switch(sheet, switch, language)
    for side in (-1, 1):
        _ground(sheet, side, _heights(sheet, unit, side, switch))
    y = _TOP + 20 * _ROW + 16
    _notes(
        sheet,
        y,
        (
            "LED: der Strich ist die Kathode (kurzes Bein). Weniger Leitungen: die letzten Lampen weglassen.",
            "Die Positionen 2 und 4 führen 5 V: dort nichts anschließen, 5 V an einem GPIO zerstört ihn.",
        )
        if german
        else (
            "LED: the bar is the cathode (short leg, flat side). Fewer lines: leave out the last lamps.",
            "Positions 2 and 4 carry 5 V: connect nothing there, 5 V at a GPIO destroys it.",
        ),
    )
    return sheet.svg(y + 76)


def desk_box_picture(unit: Unit, language: str) -> str:
    """How the desk box is wired to the Pico."""
    german = language == "de"
    sheet = _Sheet(unit.board)
    _head(
        sheet,
        "Tischkästchen am Raspberry Pi Pico" if german else "Desk box at the Raspberry Pi Pico",
        "Platine von oben, die USB-Buchse zeigt nach oben."
        if german
        else "Board from above, USB socket at the top.",
    )
    _header(sheet, unit)
    for lamp in unit.lamps:
        _lamp(sheet, lamp, f"RGB-LED, {word(lamp.name, language)}", _COLOURS[lamp.name])
    for contact in unit.contacts:
        _button(sheet, contact, word(contact.name, language), jumper=contact.name == "on_a_bus")
    if unit.buzzer:
        _buzzer(sheet, unit.buzzer, "Piezo-Summer" if german else "Piezo buzzer")
    _line_driver(sheet, unit, german)
    for side in (-1, 1):
        _ground(sheet, side, _heights(sheet, unit, side, ()))
    y = _TOP + 20 * _ROW + 16
    _notes(
        sheet,
        y,
        (
            "RGB-LED mit gemeinsamer Kathode (das längste Bein): nur eine LED, nur dieses Bein liegt an GND.",
            "Leitungstreiber und Brücke nur ohne USB; 5 V dann an VSYS (39), nie zugleich mit USB.",
            "An beiden Enden der Leitung 120 Ω zwischen A und B.",
        )
        if german
        else (
            "RGB LED with a common cathode (the longest leg): one LED, only the common leg goes to GND.",
            "Line driver and jumper only without USB; 5 V then to VSYS (39), never together with USB.",
            "At both ends of the line 120 Ω between A and B.",
        ),
    )
    return sheet.svg(y + 76)


def _head(sheet: _Sheet, title: str, how_to_look: str) -> None:
    sheet.text(_MIDDLE, 44, title, kind="title")
    sheet.text(_MIDDLE, 72, how_to_look)


def _notes(sheet: _Sheet, y: float, lines: Iterable[str]) -> None:
    for number, line in enumerate(lines):
        sheet.text(_MIDDLE, y + 8 + 22 * number, line)


def _header(sheet: _Sheet, unit: Unit) -> None:
    board = unit.board
    used = {pin for _, pin in unit.pins()}
    gap = 2 * _PIN + 28
    white = ' style="fill:#fff"'
    sheet.shapes.append(
        f'<rect x="{_MIDDLE - gap / 2:g}" y="{_TOP - 22}" width="{gap}" height="{19 * _ROW + 44}" rx="6" '
        'fill="#eee" stroke="#777"/>'
    )
    for position, name in enumerate(board.header, 1):
        side, y = sheet.place(position)
        is_gpio = isinstance(name, int)
        fill = {
            "GND": "#111",
            "AGND": "#111",
            "3V3": "#f80",
            "5V": "#d00",
            "VBUS": "#d00",
            "VSYS": "#d00",
        }.get(str(name), "#bfe6c8" if name in used else "#fff")
        is_power = not is_gpio and fill != "#fff"
        sheet.shapes.append(
            f'<circle cx="{sheet.x(side, 0):g}" cy="{y}" r="13" fill="{fill}" stroke="#555"/>'
            f'<text x="{sheet.x(side, 0):g}" y="{y + 4}" text-anchor="middle" class="number"'
            f"{white if is_power else ''}>{position}</text>"
        )
        label = (f"GPIO{name}" if board is PI else f"GP{name}") if is_gpio else str(name)
        strong = name in used
        sheet.outwards(side, _NAME - 12, y + 5, label, "small bold" if strong else "small faint")


def _lamp(sheet: _Sheet, lamp: Lamp, name: str, colour: str) -> None:
    side, y = sheet.place(sheet.board.position(lamp.pin))
    sheet.wire(side, (_WIRE - 20, y), (_GROUND, y))
    sheet.resistor(side, y, lamp.ohms)
    sheet.led(side, y, colour)
    sheet.outwards(side, _TEXT, y - 6, name)
    sheet.dot(side, _GROUND, y)


def _button(sheet: _Sheet, contact: Contact, name: str, *, jumper: bool = False) -> None:
    side, y = sheet.place(sheet.board.position(contact.pin))
    sheet.wire(side, (_WIRE - 20, y), (_GROUND, y))
    sheet.resistor(side, y, contact.ohms)
    if jumper:
        near, far = sorted((sheet.x(side, _PART - 14), sheet.x(side, _PART + 14)))
        sheet.box(near - 7, y - 8, far - near + 14, 16)
        sheet.dots(y, near, far)
    else:
        sheet.push_button(side, y)
    sheet.outwards(side, _TEXT, y - 6, name)
    sheet.dot(side, _GROUND, y)


def _switch(sheet: _Sheet, contacts: Iterable[Contact], language: str) -> None:
    """The three-position switch: its two ends, and the lever in the middle at ground."""
    places = [(*sheet.place(sheet.board.position(contact.pin)), contact) for contact in contacts]
    side = places[0][0]
    middle = sum(y for _, y, _ in places) / len(places)
    for _, y, contact in places:
        sheet.wire(side, (_WIRE - 20, y), (_PART - 20, y))
        sheet.resistor(side, y, contact.ohms)
        sheet.shapes.append(f'<circle class="part" cx="{sheet.x(side, _PART - 16):g}" cy="{y}" r="4"/>')
        sheet.outwards(side, _PART - 6, y + (15 if y > middle else -4), word(contact.name, language))
    sheet.wire(side, (_PART - 6, middle), (_PART + 34, middle), (_GROUND, middle))
    sheet.shapes.append(f'<circle class="part" cx="{sheet.x(side, _PART + 34):g}" cy="{middle:g}" r="4"/>')
    name, centre = ("Nachtschalter", "Mitte") if language == "de" else ("Night switch", "middle")
    sheet.outwards(side, _TEXT + 10, middle - 8, name)
    sheet.outwards(side, _TEXT + 10, middle + 16, f"{centre}: {word('auto', language)}", "small")
    sheet.dot(side, _GROUND, middle)


def _buzzer(sheet: _Sheet, buzzer: Buzzer, name: str) -> None:
    side, y = sheet.place(sheet.board.position(buzzer.pin))
    sheet.wire(side, (_WIRE - 20, y), (_GROUND, y))
    sheet.resistor(side, y, buzzer.ohms)
    x = sheet.x(side, _PART)
    sheet.shapes.append(
        f'<circle class="part" cx="{x:g}" cy="{y}" r="14"/><circle cx="{x:g}" cy="{y}" r="3" fill="#111"/>'
    )
    sheet.outwards(side, _TEXT, y - 6, name)
    sheet.dot(side, _GROUND, y)


def _line_driver(sheet: _Sheet, unit: Unit, german: bool) -> None:
    """The line driver beside the pins of the serial port, as a box with named legs."""
    legs = {"tx": "DI", "rx": "RO", "sending": "DE + /RE"}
    places = {name: sheet.place(sheet.board.position(pin)) for name, pin in unit.serial.items()}
    side = places["tx"][0]
    top, bottom = min(y for _, y in places.values()) - 20, max(y for _, y in places.values()) + 10
    near, far = sheet.x(side, _WIRE + 40), sheet.x(side, _WIRE + 250)
    left, right = sorted((near, far))
    for _, y in places.values():
        sheet.wire(side, (_WIRE - 20, y), (_WIRE + 40, y))
    sheet.box(left, top, right - left, bottom - top)
    for name, (_, y) in places.items():
        sheet.outwards(side, _WIRE + 48, y + 5, legs[name], "small bold")
    sheet.outwards(side, _WIRE + 48, places["rx"][1] + 39, "VCC → 36 (3V3), GND → 3", "small")
    sheet.outwards(side, _WIRE + 130, top + 24, "RS-485 (3,3 V)" if german else "RS-485 (3.3 V)", "small")
    for number, name in enumerate("AB"):
        y = top + 26 + 34 * number
        sheet.wire(side, (_WIRE + 250, y), (_WIRE + 310, y))
        sheet.outwards(side, _WIRE + 316, y + 5, name, "bold")


def _heights(sheet: _Sheet, unit: Unit, side: int, switch: Iterable[Contact]) -> list[float]:
    """The heights at which something goes to ground on a side."""
    switched = {contact.pin for contact in switch}
    pins = [lamp.pin for lamp in unit.lamps] + [contact.pin for contact in unit.contacts]
    pins += [unit.buzzer.pin] if unit.buzzer else []
    places = [sheet.place(unit.board.position(pin)) for pin in pins if pin not in switched]
    heights = [y for where, y in places if where == side]
    between = [sheet.place(unit.board.position(pin)) for pin in switched]
    if between and between[0][0] == side:
        heights.append(sum(y for _, y in between) / len(between))
    return heights


def _ground(sheet: _Sheet, side: int, heights: list[float]) -> None:
    """One wire to a GND of the header, at a height where nothing else is: the lowest of this side."""
    if not heights:
        return
    grounds = [position for position, name in enumerate(sheet.board.header, 1) if name == "GND"]
    y = max(height for where, height in map(sheet.place, grounds) if where == side)
    sheet.wire(side, (_WIRE - 50, y), (_GROUND, y))
    sheet.wire(side, (_GROUND, min([*heights, y])), (_GROUND, max([*heights, y])))
    sheet.dot(side, _GROUND, y)
    sheet.outwards(side, _TEXT, y - 6, "GND")
