"""Writes everything that follows from `pins.toml`: ``python -m hardware.generate``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hardware.design import Unit, read_design
from hardware.guide import guide
from hardware.parts import parts_list
from hardware.wiring import desk_box_picture, panel_picture
from hardware.words import LANGUAGES

HERE = Path(__file__).parent
FIRMWARE_PINS = HERE.parent / "firmware" / "deskbox" / "pins.py"


def generated() -> Mapping[Path, str]:
    """The contents of every generated file."""
    design = read_design()
    files = {}
    for language in LANGUAGES:
        files[HERE / f"wiring-panel.{language}.svg"] = panel_picture(design.panel, language)
        files[HERE / f"wiring-desk-box.{language}.svg"] = desk_box_picture(design.desk_box, language)
        files[HERE / f"parts.{language}.csv"] = parts_list(design, language)
        files[HERE / f"building.{language}.md"] = guide(design, language)
    files[FIRMWARE_PINS] = firmware_pins(design.desk_box)
    return files


def firmware_pins(box: Unit) -> str:
    """The desk box's pins for MicroPython, which reads no TOML."""
    lamps = {lamp.name: lamp.pin for lamp in box.lamps}
    contacts = {contact.name: contact.pin for contact in box.contacts}
    numbers = {
        "BUTTON": contacts["button"],
        "RED": lamps["red"],
        "GREEN": lamps["green"],
        "BLUE": lamps["blue"],
        **({"BUZZER": box.buzzer.pin} if box.buzzer else {}),
        "UART_TX": box.serial["tx"],
        "UART_RX": box.serial["rx"],
        "SENDING": box.serial["sending"],
        "ON_A_BUS": contacts["on_a_bus"],
    }
    lines = "".join(f"{name} = {pin}\n" for name, pin in numbers.items())
    return f'"""The pins; written by hardware/generate.py from hardware/pins.toml."""\n\n{lines}'


def main() -> None:
    """Write them."""
    for file, text in generated().items():
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
