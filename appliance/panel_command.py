"""The command `freizeichen panel`: checks a front panel that was built, or simulates one."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from appliance.language import say
from appliance.panel.gpio import Gpio, is_a_pi, real_gpio
from appliance.panel.pins import PanelPins, read_panel_pins
from appliance.panel.steady import Steady, sample
from appliance.settings import Settings
from appliance.store.liveness import supervisor_runs

_LOOK_SECONDS = 0.005
_STILL_MS = 50
_PATIENCE_SECONDS = 30.0
_NAMES = {
    "supervisor": ("Steuerung läuft", "supervisor alive"),
    "message": ("Nachricht", "message"),
    "callback": ("Rückruf", "callback"),
    "night": ("Nacht", "night"),
}


@click.group()
def panel() -> None:
    """The front panel at the Pi's header."""


@panel.command()
@click.option(
    "--patience",
    default=_PATIENCE_SECONDS,
    show_default=True,
    help="Seconds to wait for a switch to be moved.",
)
@click.pass_obj
def check(settings: Settings, patience: float) -> None:
    """Light every lamp and wait for every switch, one after the other. Exit status 1 when one is wrong."""
    if supervisor_runs(settings.state):
        raise click.ClickException(
            say(
                "Die Steuerung läuft und hat die Frontplatte. Bitte anhalten: systemctl stop freizeichen",
                "The supervisor runs and has the front panel. Stop it first: systemctl stop freizeichen",
            )
        )
    try:
        gpio, pins = real_gpio(), read_panel_pins()
        with _taken(gpio, pins):
            wrong = [*_lamps(gpio, pins), *_contacts(gpio, pins, patience)]
    except (click.Abort, click.ClickException):
        raise
    except Exception as error:  # the libraries raise what they like, errors of their own, too
        raise click.ClickException(
            say(f"An die GPIOs ist nicht heranzukommen: {error}", f"The GPIOs cannot be reached: {error}")
        ) from error
    for fault in wrong:
        click.secho(f"! {fault}", fg="red")
    if not wrong:
        click.echo(say("Die Frontplatte ist in Ordnung.", "The front panel is all right."))
    sys.exit(1 if wrong else 0)


@panel.command()
@click.pass_obj
def simulate(settings: Settings) -> None:
    """Be a front panel without hardware, beside the supervisor; shows what its lamps do.

    It is told what to do by words on standard input: night, auto, day and address move switch and
    button, "stick night" keeps a contact closed and "loose night" lets it go, "gone" and "back"
    take the pins away and give them back, "deaf" and "hears" lose edges and find them; quit.
    """
    from appliance.simulator.panel_console import run_console

    if is_a_pi() if settings.front_panel is None else settings.front_panel:
        raise click.ClickException(
            say(
                "Es gibt schon eine Frontplatte (box.toml: front_panel). Zwei gehen nicht.",
                "There is a front panel already (box.toml: front_panel). There cannot be two.",
            )
        )
    run_console(
        settings.store, settings.state, read_panel_pins(), [line.name for line in settings.outward_lines]
    )


@contextmanager
def _taken(gpio: Gpio, pins: PanelPins) -> Iterator[None]:
    """The pins are ours, all lamps dark; afterwards they are nobody's."""
    lamps = [*pins.lines, *pins.lamps.values()]
    gpio.setwarnings(False)
    gpio.setmode(gpio.BCM)
    try:
        for pin in lamps:
            gpio.setup(pin, gpio.OUT, initial=gpio.LOW)
        for pin in pins.contacts.values():
            gpio.setup(pin, gpio.IN, pull_up_down=gpio.PUD_UP)
        yield
    finally:
        gpio.cleanup([*lamps, *pins.contacts.values()])


def _lamps(gpio: Gpio, pins: PanelPins) -> Iterator[str]:
    """Light them one by one; what the person does not see is a fault."""
    named = [(say(f"Leitung {n}", f"line {n}"), pin) for n, pin in enumerate(pins.lines, 1)]
    named += [(say(*_NAMES[name]), pin) for name, pin in pins.lamps.items()]
    click.echo(
        say(
            "Lampen: Eingabe = nur diese leuchtet, n = nein, k = nicht eingebaut.",
            "Lamps: Enter = this one only is lit, n = no, k = not fitted.",
        )
    )
    for name, pin in named:
        gpio.output(pin, gpio.HIGH)
        answer = click.prompt(name, default="", show_default=False).strip().lower()
        gpio.output(pin, gpio.LOW)
        if answer not in ("", "k", "j", "y"):
            yield say(
                f"Lampe {name}: GPIO {pin} prüfen. LED richtig herum? Widerstand? Position der Stiftleiste?",
                f"Lamp {name}: check GPIO {pin}. LED the right way round? Resistor? Position in the header?",
            )


def _contacts(gpio: Gpio, pins: PanelPins, patience: float) -> Iterator[str]:
    """Wait for each contact to close alone, and to open again."""
    steps = (
        ("night", say("Nachtschalter auf Nacht stellen", "Turn the night switch to night")),
        ("day", say("Nachtschalter auf Tag stellen", "Turn the night switch to day")),
        ("", say("Nachtschalter in die Mitte stellen", "Turn the night switch to its middle")),
        ("address", say("Adresstaste drücken und halten", "Press the address button and hold it")),
        ("", say("Adresstaste loslassen", "Let go of the address button")),
    )
    for wanted, what in steps:
        click.echo(f"{what} …", nl=False)
        right = frozenset({wanted} - {""})
        closed = _wait_for(gpio, pins, right, patience)
        if closed == right:
            click.echo(say(" gut.", " good."))
            continue
        click.echo(say(" nein.", " no."))
        seen = ", ".join(f"{name} (GPIO {pins.contacts[name]})" for name in sorted(closed)) or "-"
        expected = f"{wanted} (GPIO {pins.contacts[wanted]})" if wanted else "-"
        yield say(
            f"{what}: geschlossen sein müsste {expected}, geschlossen ist {seen}",
            f"{what}: {expected} should be closed, {seen} is",
        )


def _wait_for(gpio: Gpio, pins: PanelPins, right: frozenset[str], patience: float) -> frozenset[str]:
    """The contacts that are closed, once they are the right ones or patience is at its end."""
    began = time.monotonic()
    contacts: Steady[frozenset[str]] = Steady(frozenset(), _closed(gpio, pins), 0)
    while True:
        passed = time.monotonic() - began
        contacts = sample(contacts, _closed(gpio, pins), int(passed * 1000), _STILL_MS)
        if passed > patience or (contacts.value == right and not contacts.is_moving):
            return contacts.value
        time.sleep(_LOOK_SECONDS)


def _closed(gpio: Gpio, pins: PanelPins) -> frozenset[str]:
    return frozenset(name for name, pin in pins.contacts.items() if gpio.input(pin) == gpio.LOW)
