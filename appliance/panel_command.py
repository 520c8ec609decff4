"""The command `freizeichen panel check`: walks the builder through every lamp and the night switch."""

from __future__ import annotations

import time

import click

from appliance.language import say
from appliance.panel.contacts import night_position
from appliance.panel.gpio import Gpio, RaspberryGpio
from appliance.panel.pins import Pins, read_pins
from appliance.settings import Settings
from appliance.store.liveness import supervisor_runs

_PATIENCE_SECONDS = 30.0
_POSITIONS = {"day": ("Tag", "day"), "night": ("Nacht", "night"), "auto": ("Mitte", "the middle")}


@click.group()
def panel() -> None:
    """The front panel at the Pi."""


@panel.command()
@click.pass_obj
def check(settings: Settings) -> None:
    """Light every lamp and read every position of the night switch. Exit status 1 if one is wrong."""
    if supervisor_runs(settings.state):
        raise click.ClickException(
            say(
                "Die Steuerung läuft und hat die Anschlüsse. Bitte erst anhalten.",
                "The supervisor runs and has the pins. Stop it first.",
            )
        )
    pins = read_pins()
    try:
        gpio = RaspberryGpio(pins.lamps.values(), pins.contacts.values())
    except (ImportError, OSError, RuntimeError) as error:
        raise click.ClickException(
            say(
                f"Dieser Rechner hat keine Anschlüsse für ein Bedienfeld: {error}",
                f"This machine has no pins for a front panel: {error}",
            )
        ) from error
    try:
        wrong = walk(gpio, pins)
    finally:
        gpio.close()
    if wrong:
        raise click.ClickException(say(f"Falsch: {', '.join(wrong)}", f"Wrong: {', '.join(wrong)}"))
    click.echo(say("Alles in Ordnung.", "All is well."))


def walk(gpio: Gpio, pins: Pins, *, patience_seconds: float = _PATIENCE_SECONDS) -> list[str]:
    """Go through everything with the builder; returns what is wrong."""
    wrong = []
    for name, pin in pins.lamps.items():
        gpio.light(pin, on=True)
        if not click.confirm(say(f"Leuchtet die Lampe {name}?", f"Is the lamp {name} lit?"), default=True):
            wrong.append(name)
        gpio.light(pin, on=False)
    for position, words in _POSITIONS.items():
        click.echo(say(f"Nachtschalter auf {words[0]} stellen.", f"Turn the night switch to {words[1]}."))
        if not _stands_at(gpio, pins, position, patience_seconds):
            wrong.append(position)
    return wrong


def _stands_at(gpio: Gpio, pins: Pins, position: str, patience_seconds: float) -> bool:
    deadline = time.monotonic() + patience_seconds
    while time.monotonic() < deadline:
        closed = {name: gpio.is_closed(pin) for name, pin in pins.contacts.items()}
        if night_position(day=closed["day"], night=closed["night"]) == position:
            return True
        time.sleep(0.05)
    return False
