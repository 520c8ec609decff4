"""Wires the installer's test of a line to Asterisk and the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlite_utils import Database

from appliance.language import say
from appliance.settings import DahdiLine, Settings
from appliance.store import times
from appliance.telephony.box import manager_secret
from appliance.telephony.lines.bench import Arrived, Finding, check_line
from appliance.telephony.lines.finding import find_cards
from appliance.telephony.lines.watch import look_at_lines
from appliance.telephony.lines.wiring import wire
from appliance.telephony.manager import ManagerLink


class NoSuchLine(LookupError):
    """No card's line has this name; `known` are those that have one."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__(", ".join(known))
        self.known = known


class _Terminal:
    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show

    def please(self, german: str, english: str) -> None:
        """Ask for something to be done."""
        self._show(say(german, english))


def run_line_test(
    db: Database, settings: Settings, name: str, number: str, show: Callable[[str], None]
) -> tuple[DahdiLine, list[Finding]]:
    """Test a line; `show` tells the installer what to do. Raises NoSuchLine."""
    line = next((line for line in settings.card_lines if line.name == name), None)
    if line is None:
        raise NoSuchLine([line.name for line in settings.card_lines])
    began = times.to_text(times.now())

    def incoming() -> Arrived | None:
        row = db.execute(
            "SELECT dialled, caller FROM calls WHERE started_at >= ? AND callback IS NULL"
            " ORDER BY started_at LIMIT 1",
            [began],
        ).fetchone()
        return Arrived(*row) if row else None

    orders = ManagerLink(
        "127.0.0.1", settings.manager_port, "orders", manager_secret(settings.asterisk), name="line test"
    )
    orders.start()
    try:
        orders.wait_connected(5.0)
        (state,) = look_at_lines(orders, [line])
        wired, _ = wire([line], find_cards())
        carriers = wired[0].carriers if wired else ()
        found = check_line(
            line,
            carriers,
            state,
            orders,
            _Terminal(show),
            number=number,
            incoming=incoming,
            listen_to=settings.state / "line-test.wav",
        )
    finally:
        orders.stop()
    return line, found
