"""Measure how soon lamp and phone follow a click on the page: `python -m tests.web.measure`.

A real office (Asterisk, supervisor, a registered phone), its page in real Chromium. Each click makes an agent
available or away; the time runs from the click to the lamp on the page, and to the state that Asterisk shows
the other phones (device state `Custom:presence-…`, by its manager). All clocks are this machine's.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

import click
from playwright.sync_api import Page, expect, sync_playwright

from appliance.office_page import office_page
from appliance.simulator.office import SimulatedOffice
from appliance.store import times, users
from appliance.telephony.box import manager_secret
from appliance.telephony.manager import Event, ManagerLink
from appliance.telephony.sandbox import ensure_asterisk, shown_progress
from tests.calls.conftest import OFFICE
from tests.web.chromium import ensure_chromium
from webui import serve

GOAL_MS = 200
_PAUSE_SECONDS = 0.37  # uneven to every beat of ours
_WATCH = """() => {
  const lamp = document.querySelector("#push-anna");
  const now = () => performance.timeOrigin + performance.now();
  window.clicked = window.lit = 0;
  const before = lamp.className;
  const watch = new MutationObserver(() => {
    const shown = document.querySelector("#push-anna");
    if (shown.className !== before) { window.lit = now(); watch.disconnect(); }
  });
  watch.observe(document.getElementById("main"), { subtree: true, childList: true, attributes: true });
  lamp.addEventListener("click", () => { window.clicked = now(); }, { once: true, capture: true });
}"""

_LIT = """() => new Promise((done) => {
  const look = () => (window.lit ? done([window.clicked, window.lit]) : setTimeout(look, 5));
  look();
})"""


class Phones:
    """What Asterisk shows the phones of Anna's presence, and since when (milliseconds of the epoch)."""

    def __init__(self, office: SimulatedOffice) -> None:
        self._changed = threading.Condition()
        self._at = 0.0
        secret = manager_secret(office.settings.asterisk)
        self._link = ManagerLink(
            "127.0.0.1",
            office.settings.manager_port,
            "events",
            secret,
            name="measure",
            wanted_events=("DeviceStateChange",),
            on_event=self._event,
        )
        self._link.start()
        self._link.wait_connected(10.0)

    def _event(self, event: Event) -> None:
        if event.headers.get("Device") == "Custom:presence-anna":
            with self._changed:
                self._at = time.time() * 1000
                self._changed.notify_all()

    def changed_since(self, milliseconds: float) -> float:
        """When it changed after this moment; waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._at > milliseconds, timeout=10.0)
            return self._at

    def stop(self) -> None:
        """Listen no more."""
        self._link.stop()


def measured(page: Page, phones: Phones, clicks: int) -> tuple[list[float], list[float]]:
    """Milliseconds from each click to the lamp on the page, and to the phones."""
    lamps, states = [], []
    for _ in range(clicks):
        time.sleep(_PAUSE_SECONDS)
        began = time.time() * 1000
        page.evaluate(_WATCH)
        page.locator("#push-anna").click()
        clicked, lit = page.evaluate(_LIT)
        lamps.append(lit - clicked)
        states.append(phones.changed_since(began) - clicked)
    return lamps, states


@click.command()
@click.option("--clicks", default=40, show_default=True, help="How often the button is clicked.")
def main(clicks: int) -> None:
    """Print the figures."""
    with shown_progress() as progress:
        program = ensure_asterisk(progress)
    with tempfile.TemporaryDirectory(prefix="fz") as folder:
        office = SimulatedOffice(Path(folder) / "o", OFFICE, program)
        office.start()
        server = serve(office_page(office.settings))
        users.set_user(office.db, "ada", "admin")
        key = users.new_link(office.db, "sign in", times.now() + timedelta(hours=1), "ada")
        phones = Phones(office)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=ensure_chromium(), args=["--no-sandbox"])
                page = browser.new_page()
                page.goto(f"{server.url}sign-in/{key}?lang=en")
                page.get_by_role("button", name="Sign in as ada").click()
                expect(page.locator("#push-anna")).to_be_visible(timeout=20_000)
                figures = measured(page, phones, clicks)
                browser.close()
        finally:
            phones.stop()
            server.close()
            office.stop()
    for what, found in zip(("lamp on the page", "state of the phones"), figures, strict=True):
        within = sum(value < GOAL_MS for value in found)
        print(
            f"{what}: p50 {statistics.median(found):.0f} ms, slowest {max(found):.0f} ms,"
            f" {within} of {len(found)} under {GOAL_MS} ms"
        )


if __name__ == "__main__":
    main()
