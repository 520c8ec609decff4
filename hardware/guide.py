"""The building guide: what to solder where, step by step, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hardware.design import Contact, Design, Lamp, Unit, sum_milliamperes
from hardware.electricity import milliamperes, resistor_bands
from hardware.words import ohms_in_words, word


def guide(design: Design, language: str) -> str:
    """The whole guide."""
    german = language == "de"
    sections = _german(design) if german else _english(design)
    return "\n\n".join(f"{title}\n\n{text.strip()}" for title, text in sections.items()) + "\n"


def _german(design: Design) -> dict[str, str]:
    panel, box = design.panel, design.desk_box
    return {
        "# Frontplatte und Tischkästchen bauen": """
Alles hier folgt aus `pins.toml` und wird von `python -m hardware.generate` geschrieben; wer einen Pin
oder eine LED ändert, ändert ihn dort. Was zu kaufen ist, steht in `parts.de.csv` (Preise: grobe
Schätzungen). Was an die Telefonleitung kommt, steht in `lines.de.md`.

Alles arbeitet mit 3,3 V aus dem Pi oder dem Pico; keine Spannung hier ist gefährlich. Gefährlich ist nur
das Netzteil: ein fertiges mit Prüfzeichen nehmen, nie selbst eines einbauen. **Vor jedem Umstecken den Pi
herunterfahren und den Stecker ziehen.** Für 5 V ist kein GPIO gebaut; die Positionen mit 5 V bleiben
frei.

Werkzeug: Lötkolben mit feiner Spitze, Lötzinn, Seitenschneider, Abisolierzange, Multimeter mit
Durchgangsprüfer. Zeit: ein Abend für die Frontplatte, eine Stunde für ein Kästchen.
""",
        "## 1. Frontplatte": f"""
![Verdrahtung der Frontplatte](wiring-panel.de.svg)

1. Löcher bohren: für jede Lampe 5 mm (oder wie die Fassung es will), für Schalter und Taster nach deren
   Maß. Beschriften, bevor die Lampen sitzen.
2. Auf der Lochrasterplatine eine Reihe für GND anlegen. An jede Lampe kommt ein Widerstand ans **lange**
   Bein (Anode), das **kurze** Bein (Kathode) an GND:

{_lamps(panel, "de")}

3. Der Nachtschalter: mittlerer Anschluss an GND, die äußeren über je einen Widerstand an ihre Position.
   In der Mittelstellung (Auto) verbindet er nichts. Die Taste schließt nach GND:

{_contacts(panel.contacts, panel, "de")}

4. GND der Platine mit Position {_grounds(panel, "de")} der Stiftleiste verbinden, eine davon genügt.
5. Noch ohne Pi messen: zwischen GND und jeder Position oben darf der Durchgangsprüfer **nicht** piepen;
   bei gedrückter Taste zeigt das Ohmmeter zwischen ihrer Position und GND etwa
   {ohms_in_words(panel.contacts[0].ohms)}.
6. Buchsenleiste auf die Stiftleiste stecken: Position 1 auf Position 1. Eine Reihe daneben liegt 5 V an
   einem GPIO.
7. Pi einschalten und `freizeichen panel check` aufrufen. Es führt durch jede Lampe und jeden Schalter und
   sagt, welche Position nicht stimmt.

Strom: eine Lampe einer Leitung braucht {_current(panel, "de")} mA; alle zusammen, auch wenn eine LED
kaputt ist, höchstens {sum_milliamperes(panel):.0f} mA von {panel.board.sum_milliamperes:.0f} mA.
""",
        "## 2. Tischkästchen": f"""
![Verdrahtung des Kästchens](wiring-desk-box.de.svg)

1. RGB-LED: das **längste** Bein ist die gemeinsame Kathode und kommt an GND; die drei anderen über je
   einen Widerstand:

{_lamps(box, "de")}

   Die Werte für Grün und Blau sind gerechnet mit einer Schätzung (Hersteller geben RGB-LEDs bei 20 mA
   an). Vor dem Einlöten prüfen: jede Farbe muss an 3,3 V mit ihrem Widerstand deutlich leuchten.
2. Taste nach GND, Summer und Brücke:

{_contacts(box.contacts, box, "de")}
{_buzzer(box, "de")}

3. MicroPython und die Firmware aufspielen: siehe `firmware/README.md`.
4. Ohne USB in Reichweite: Leitungstreiber wie im Bild, Brücke stecken, Kästchen mit 5 V an VSYS
   versorgen. Verdrillte Leitung von Kästchen zu Kästchen (kein Stern), an beiden Enden 120 Ω zwischen A
   und B, GND mitführen.
5. Kästchen anschließen, `freizeichen boxes pair NAME` aufrufen und die Taste drücken, deren Lampe violett
   blinkt.
""",
    }


def _english(design: Design) -> dict[str, str]:
    panel, box = design.panel, design.desk_box
    return {
        "# Building front panel and desk boxes": """
Everything here follows from `pins.toml` and is written by `python -m hardware.generate`; whoever changes
a pin or an LED changes it there. What to buy is in `parts.en.csv` (prices: rough estimates). What goes to
the telephone line is in `lines.en.md`.

All of it works on 3.3 V from the Pi or the Pico; no voltage here is dangerous. Only the power supply is:
take a ready-made one with its test marks, never build one in. **Before changing a plug shut the Pi down
and pull its plug.** No GPIO is made for 5 V; the positions with 5 V stay free.

Tools: soldering iron with a fine tip, solder, side cutter, wire stripper, multimeter with a continuity
tester. Time: an evening for the front panel, an hour for a box.
""",
        "## 1. Front panel": f"""
![Wiring of the front panel](wiring-panel.en.svg)

1. Drill the holes: 5 mm for each lamp (or what its holder wants), switch and button as they need. Write
   the labels before the lamps are in.
2. Make one row of the perforated board GND. Each lamp has a resistor at its **long** leg (anode), its
   **short** leg (cathode) goes to GND:

{_lamps(panel, "en")}

3. The night switch: middle terminal to GND, the outer ones each through a resistor to their position. In
   the middle (auto) it joins nothing. The button closes to GND:

{_contacts(panel.contacts, panel, "en")}

4. Join the board's GND with position {_grounds(panel, "en")} of the header; one of them is enough.
5. Still without the Pi, measure: between GND and any of the positions above the continuity tester must
   **not** beep; with the button pressed the ohmmeter shows about {ohms_in_words(panel.contacts[0].ohms)}
   between its position and GND.
6. Put the socket on the header: position 1 on position 1. One row beside it, 5 V is at a GPIO.
7. Switch the Pi on and run `freizeichen panel check`. It walks through every lamp and switch and says
   which position is wrong.

Current: the lamp of a line takes {_current(panel, "en")} mA; all together, even with one broken LED, at
most {sum_milliamperes(panel):.0f} mA of {panel.board.sum_milliamperes:.0f} mA.
""",
        "## 2. Desk box": f"""
![Wiring of the desk box](wiring-desk-box.en.svg)

1. RGB LED: the **longest** leg is the common cathode and goes to GND; the three others each through a
   resistor:

{_lamps(box, "en")}

   The values for green and blue are computed from an estimate (makers specify RGB LEDs at 20 mA). Before
   soldering it in, check that every colour clearly lights at 3.3 V through its resistor.
2. Button to GND, buzzer and jumper:

{_contacts(box.contacts, box, "en")}
{_buzzer(box, "en")}

3. Put MicroPython and the firmware on it: see `firmware/README.md`.
4. Where USB does not reach: the line driver as in the picture, the jumper plugged, 5 V to VSYS. A twisted
   pair from box to box (no star), 120 Ω between A and B at both ends, GND alongside.
5. Connect the box, run `freizeichen boxes pair NAME`, and press the button of the lamp that blinks
   violet.
""",
    }


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _lamps(unit: Unit, language: str) -> str:
    head = (
        ("Lampe", "Farbe", "Position", "GPIO", "Widerstand", "Ringe")
        if language == "de"
        else ("lamp", "colour", "position", "GPIO", "resistor", "bands")
    )
    return _table(head, (_lamp(unit, lamp, language) for lamp in unit.lamps))


def _lamp(unit: Unit, lamp: Lamp, language: str) -> tuple[object, ...]:
    colour = word(lamp.led.name.removeprefix("rgb_"), language)
    return (word(lamp.name, language), colour, *_where(unit, lamp.pin, lamp.ohms, language))


def _contacts(contacts: Iterable[Contact], unit: Unit, language: str) -> str:
    head = (
        ("Kontakt", "Position", "GPIO", "Widerstand", "Ringe")
        if language == "de"
        else ("contact", "position", "GPIO", "resistor", "bands")
    )
    rows = ((word(c.name, language), *_where(unit, c.pin, c.ohms, language)) for c in contacts)
    return _table(head, rows)


def _buzzer(unit: Unit, language: str) -> str:
    """The last row of the table of contacts."""
    if unit.buzzer is None:
        return ""
    name = "Summer" if language == "de" else "buzzer"
    return f"| {' | '.join(map(str, (name, *_where(unit, unit.buzzer.pin, unit.buzzer.ohms, language))))} |"


def _where(unit: Unit, pin: int, ohms: int, language: str) -> Iterator[object]:
    yield unit.board.position(pin)
    yield pin
    yield ohms_in_words(ohms).replace(".", "," if language == "de" else ".")
    yield ", ".join(word(colour, language) for colour in resistor_bands(ohms))


def _grounds(unit: Unit, language: str) -> str:
    places = [str(place) for place, name in enumerate(unit.board.header, 1) if name == "GND"]
    return f"{', '.join(places[:-1])} {'oder' if language == 'de' else 'or'} {places[-1]}"


def _current(unit: Unit, language: str) -> str:
    lamp = unit.lamps[0]
    current = milliamperes(unit.board.volts, lamp.led.typical_volts, lamp.ohms)
    return f"{current:.1f}".replace(".", "," if language == "de" else ".")
