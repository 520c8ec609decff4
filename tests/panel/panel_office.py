"""An office with a front panel: store, switchboard and panel are real, the GPIOs are whoever's."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from appliance.panel.committed import CommittedLamps
from appliance.panel.front_panel import FrontPanel
from appliance.panel.gpio import Gpio
from appliance.panel.pins import read_panel_pins
from appliance.switchboard import Switchboard
from tests.unit.seed import seeded_store

PINS = read_panel_pins()


class PanelOffice:
    """A switchboard and a panel; without `gpio` the panel is elsewhere."""

    def __init__(self, folder: Path, gpio: Gpio | None = None) -> None:
        self.store = folder / "freizeichen.db"
        self.db = seeded_store(self.store)
        self.gpio = gpio
        self.rung: list[str] = []
        self.starts()

    def starts(self) -> None:
        """The supervisor's part of it."""
        self.lamps = CommittedLamps()
        self.panel = self.gpio and FrontPanel(
            self.gpio,
            PINS,
            self.store,
            lamps=self.lamps.current,
            lines=["isdn"],
            on_press=lambda: self.switchboard.look_now(),
        )
        self.switchboard = Switchboard(
            self.store,
            wake=lambda _: None,
            call_back=lambda *_: None,
            stop_ringing=lambda _: None,
            mirror=lambda _: None,
            show=self.lamps.show,
            tell_address=self.rung.append,
            lines={"isdn": ["PJSIP/isdn-"]},
        )
        self.switchboard.start()
        self.switchboard.asterisk_answers()
        self.switchboard.phone_changed("PJSIP/isdn", "NOT_INUSE")
        if self.panel:
            self.panel.start()

    def stops(self) -> None:
        """Both."""
        if self.panel:
            self.panel.stop()
        self.switchboard.stop()

    def mode(self) -> str:
        """The night mode as it is committed."""
        return str(self.db.execute("SELECT mode FROM night_switch").fetchone()[0])

    def until(self, look: Callable[[], object], what: str, timeout_seconds: float = 20) -> None:
        """Wait for something."""
        deadline = time.monotonic() + timeout_seconds
        while not look():
            assert time.monotonic() < deadline, what
            time.sleep(0.005)

    def until_mode(self, mode: str) -> None:
        """Wait for a night mode to be committed."""
        self.until(lambda: self.mode() == mode, f"night mode {mode}")
