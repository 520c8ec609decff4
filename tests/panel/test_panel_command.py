"""`freizeichen panel check`: a builder is led through every lamp and switch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance import panel_command
from appliance.cli import main
from appliance.panel.gpio import NoGpio
from appliance.panel.pins import read_panel_pins
from appliance.simulator.gpio import SimulatedGpio
from appliance.store.liveness import Alive

PINS = read_panel_pins()
NIGHT, DAY, ADDRESS = (PINS.contacts[name] for name in ("night", "day", "address"))
LAMPS = len(PINS.lines) + len(PINS.lamps)


class Builder:
    """Somebody who obeys what the command says, with hands that may be wired wrongly."""

    def __init__(self, gpio: SimulatedGpio, night: int, day: int) -> None:
        self._gpio, self._night, self._day = gpio, night, day
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._act)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _act(self) -> None:
        """Each hold long enough to be seen, again and again, so that no step depends on when it begins."""
        turns = ((self._night, None), (self._day, None), (None, None), (None, ADDRESS), (None, None))
        while not self._over.is_set():
            for switch, button in turns:
                for pin in (self._night, self._day, ADDRESS):
                    if pin in (switch, button):
                        self._gpio.closes(pin)
                    else:
                        self._gpio.opens(pin)
                self._over.wait(0.3)


@pytest.fixture
def gpio(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedGpio]:
    made = SimulatedGpio()
    monkeypatch.setattr(panel_command, "real_gpio", lambda: made)
    yield made
    assert not any(made.is_taken(pin) for pin in (*PINS.lines, *PINS.lamps.values(), *PINS.contacts.values()))


def check(state: Path, answers: str = "\n" * LAMPS, language: str = "en", patience: float = 20) -> Result:
    return CliRunner(env={"LANG": language, "LC_ALL": language}).invoke(
        main, ["--state", str(state), "panel", "check", "--patience", str(patience)], input=answers
    )


def test_a_panel_that_is_all_right(gpio: SimulatedGpio, tmp_path: Path) -> None:
    with Builder(gpio, NIGHT, DAY):
        done = check(tmp_path)
    assert done.exit_code == 0, done.output
    assert "The front panel is all right." in done.output
    lit = [pin for _, pin, on in gpio.history if on]
    assert lit == [*PINS.lines, *PINS.lamps.values()]


def test_only_one_lamp_is_lit_at_a_time(gpio: SimulatedGpio, tmp_path: Path) -> None:
    with Builder(gpio, NIGHT, DAY):
        check(tmp_path)
    on = set[int]()
    for _, pin, lit in sorted(gpio.history):
        (on.add if lit else on.discard)(pin)
        assert len(on) <= 1


def test_a_lamp_that_is_dark_is_told_with_its_pin(gpio: SimulatedGpio, tmp_path: Path) -> None:
    answers = "\nn\nk\n" + "\n" * (LAMPS - 3)
    with Builder(gpio, NIGHT, DAY):
        done = check(tmp_path, answers, "de")
    assert done.exit_code == 1
    assert f"Lampe Leitung 2: GPIO {PINS.lines[1]} prüfen" in done.output
    assert "Leitung 3: GPIO" not in done.output


def test_a_switch_that_closes_the_wrong_contact_is_told(gpio: SimulatedGpio, tmp_path: Path) -> None:
    gpio.sticks(NIGHT, closed=False)
    gpio.sticks(DAY, closed=True)
    done = check(tmp_path, patience=0.3)
    assert done.exit_code == 1
    assert f"night (GPIO {NIGHT}) should be closed, day (GPIO {DAY}) is" in done.output
    assert f"- should be closed, day (GPIO {DAY}) is" in done.output
    assert "Turn the night switch to day … good." in done.output


def test_while_the_supervisor_runs_the_panel_is_its_own(gpio: SimulatedGpio, tmp_path: Path) -> None:
    with Alive(tmp_path):
        done = check(tmp_path)
    assert done.exit_code == 1
    assert "The supervisor runs and has the front panel" in done.output
    assert not gpio.history


def test_gpios_that_cannot_be_had_are_told(gpio: SimulatedGpio, tmp_path: Path) -> None:
    gpio.is_gone = True
    done = check(tmp_path)
    assert done.exit_code == 1
    assert "The GPIOs cannot be reached: GPIO busy" in done.output
    gpio.is_gone = False


def test_who_gives_up_leaves_the_pins_alone(gpio: SimulatedGpio, tmp_path: Path) -> None:
    done = check(tmp_path, answers="\n\n")
    assert done.exit_code == 1
    assert "Aborted" in done.output
    assert "cannot be reached" not in done.output
    assert not any(gpio.is_lit(pin) for pin in PINS.lines)


def test_a_machine_without_gpios_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def none() -> None:
        raise NoGpio("No module named 'RPi'")

    monkeypatch.setattr(panel_command, "real_gpio", none)
    done = check(tmp_path)
    assert done.exit_code == 1
    assert "The GPIOs cannot be reached: No module named 'RPi'" in done.output
