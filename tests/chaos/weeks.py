"""Office weeks in minutes: calls without a pause, and every few seconds something breaks or is changed.

Two agents pick up at once; callers hang up at any moment, waiting, ringing or talking. Meanwhile: presence
changes, settings saved, the night switch, the mail server away, the store locked for longer than anybody
waits for it, the disk slow, full or read-only, a second supervisor by mistake, the supervisor killed; in the
second half nothing is killed, so that what the supervisor holds (threads, files, memory) can be compared. In
the end the ledger must balance.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from appliance.hotline.presence import Presence
from appliance.simulator.exchange import NotHappened
from appliance.store import ledger, people, times
from appliance.store.config import export_config, import_config
from appliance.store.database import open_store
from tests.bench.comparing import Figure
from tests.bench.offices import DIALLED, Product, as_on_the_box, running
from tests.bench.telephones import Dialog, Telephones
from tests.chaos.chaos import Chaos
from tests.chaos.trace import strace_command

TITLE = "Office weeks"
SIZE = 20_000
_AT_ONCE = 6
_LOCKED_SECONDS = 12.0  # longer than anybody waits for the store (10 s)
_DISK_SECONDS = 8.0
_SLOW_MICROSECONDS = 300_000  # a card that is busy with itself
_EVERY_SECONDS = 4.0
_CALLER_STAYS_SECONDS = 3.0
_SETTLES_SECONDS = 60.0
_REGISTERED_SECONDS = 60.0  # a fifth of what they ask for, as telephones do


class Weeks:
    """The office, its callers, and what happens to it."""

    def __init__(self, chaos: Chaos, product: Product, telephones: Telephones) -> None:
        self.chaos, self.product, self.telephones = chaos, product, telephones
        self.chance = random.Random(chaos.seed)
        self.callers: list[tuple[Dialog, float]] = []
        self.calls = self.answered = 0
        self.happened: dict[str, int] = {}
        self.faults: list[str] = []
        self.may_kill = True
        self._to_happen: list[Callable[[], None]] = []
        self._registered_at = time.monotonic()

    def run(self, until: float, most: int) -> None:
        """Call and break until the time is up or there were so many calls."""
        next_trouble = time.monotonic() + _EVERY_SECONDS
        while time.monotonic() < until and self.calls < most:
            self._a_caller_comes_or_goes()
            if time.monotonic() > next_trouble:
                self.trouble()
                next_trouble = time.monotonic() + _EVERY_SECONDS
            self.chaos.progress(TITLE, min(99, 100 * self.calls // most))

    def calls_go_on(self, seconds: float) -> None:
        """Callers come and go so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._a_caller_comes_or_goes()

    def _a_caller_comes_or_goes(self) -> None:
        self.some_hang_up()
        if time.monotonic() > self._registered_at + _REGISTERED_SECONDS:
            for number in (1, 2):
                self.telephones.register(f"desk_{number}", f"geheim-desk-{number}")
            self._registered_at = time.monotonic()
        if len(self.callers) < _AT_ONCE:
            number = f"+49170{self.chance.randrange(10**6, 10**7)}"
            stays = time.perf_counter() + self.chance.uniform(0.05, _CALLER_STAYS_SECONDS)
            self.callers.append((self.telephones.call(DIALLED, number), stays))
            self.calls += 1
        time.sleep(0.01)

    def some_hang_up(self, *, everybody: bool = False) -> None:
        """Those whose time is up; both ends, whoever is first."""
        left = []
        for dialog, stays in self.callers:
            if dialog.ended_at:
                self.answered += bool(dialog.answered_at)
            elif dialog.answered_at and (everybody or time.perf_counter() > stays):
                self.telephones.hang_up(dialog)
                self.answered += 1
            elif time.perf_counter() > stays + _SETTLES_SECONDS:
                self.faults.append(f"a caller was not answered, status {dialog.status}")
            else:
                left.append((dialog, stays))
        self.callers = left
        if len(self.telephones.dialogs) > 2000:
            self.telephones.dialogs[:] = [each for each in self.telephones.dialogs if not each.ended_at]

    def trouble(self) -> None:
        """The next of the things that happen: each of them once, in an order by chance, and again."""
        if not self._to_happen:
            kinds: list[Callable[[], None]] = [
                *(self.presence, self.settings, self.night, self.mail_outage, self.second_supervisor),
                *(self.locked, self.slow_disk, self.full_disk, self.read_only_disk),
                *([self.kill] if self.may_kill else []),
            ]
            self._to_happen = self.chance.sample(kinds, len(kinds))
        kind = self._to_happen.pop()
        self.happened[kind.__name__] = self.happened.get(kind.__name__, 0) + 1
        kind()

    def presence(self) -> None:
        agent = self.chance.choice(("agent1", "agent2"))
        state = self.chance.choice((Presence.AWAY, Presence.AVAILABLE, Presence.AVAILABLE))
        people.set_presence(self.product.office.db, agent, state, "command", times.now())

    def settings(self) -> None:
        db = self.product.office.db
        config = export_config(db)
        first = replace(config.departments[0], ring_seconds=self.chance.randint(10, 30))
        import_config(db, replace(config, departments=(first, *config.departments[1:])))

    def night(self) -> None:
        mode = self.chance.choice(("night", "auto", "auto"))
        self.product.office.db.execute("UPDATE night_switch SET mode = ?", [mode])

    def mail_outage(self) -> None:
        server = self.product.office.mail_server
        if server._controller is None:
            server.start()
        else:
            server.stop()

    def second_supervisor(self) -> None:
        state = self.product.settings.state
        done = subprocess.run(
            [sys.executable, "-m", "appliance.cli", "--state", str(state), "run"],
            capture_output=True, text=True, check=False, timeout=60,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )  # fmt: skip
        if not done.returncode:
            self.faults.append("a second supervisor was let in")

    def locked(self) -> None:
        with closing(sqlite3.connect(self.product.settings.store, timeout=30, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            self.calls_go_on(_LOCKED_SECONDS)
            db.execute("ROLLBACK")

    def slow_disk(self) -> None:
        self._disk("fsync,fdatasync", f"delay_enter={_SLOW_MICROSECONDS}")

    def full_disk(self) -> None:
        self._disk("pwrite64", "error=ENOSPC", "-P", f"{self.product.settings.store}-wal")

    def read_only_disk(self) -> None:
        self._disk("pwrite64", "error=EROFS", "-P", f"{self.product.settings.store}-wal")

    def _disk(self, call: str, what: str, *options: str) -> None:
        """The supervisor's disk is so for a while; strace does that to its system calls."""
        words = strace_command(Path(os.devnull), [])[:1]
        words += ["-f", "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:{what}", *options]
        with subprocess.Popen(
            [*words, "-e", "signal=none", "-p", str(self.product.supervisor_id)], stderr=subprocess.DEVNULL
        ) as tracer:
            self.calls_go_on(_DISK_SECONDS)
            tracer.terminate()

    def kill(self) -> None:
        self.product.office.kill_supervisor()
        with as_on_the_box(self.product.settings.state):
            self.product.office.start_supervisor()

    def holds(self) -> tuple[int, int, float]:
        """Threads, open files and MiB of the supervisor."""
        folder = Path(f"/proc/{self.product.supervisor_id}")
        lines = (folder / "status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines if ":" in line)
        return (
            int(status["Threads"]),
            len(list((folder / "fd").iterdir())),
            int(status["VmRSS"].split()[0]) / 1024,
        )

    def quiet(self) -> None:
        """Everybody hangs up; wait until nothing goes on any more."""
        until = time.monotonic() + _SETTLES_SECONDS
        while self.callers and time.monotonic() < until:
            self.some_hang_up(everybody=True)
            time.sleep(0.05)
        office = self.product.office
        office.db.execute("UPDATE night_switch SET mode = 'auto'")
        for agent in ("agent1", "agent2"):
            people.set_presence(office.db, agent, Presence.OFFLINE, "command", times.now())
        unsettled = "SELECT 1 FROM calls WHERE outcome = ''"
        try:
            office.wait_for(
                "no channel is left", lambda: not office.channels(), timeout_seconds=_SETTLES_SECONDS
            )
            office.wait_for("every call has its outcome",
                            lambda: not office.db.execute(unsettled).fetchone(),
                            timeout_seconds=_SETTLES_SECONDS)  # fmt: skip
        except NotHappened as error:
            self.faults.append(str(error).splitlines()[0])


def measured(chaos: Chaos) -> list[Figure]:
    """Half of the time with kills, half without; then count."""
    most = chaos.size or SIZE
    product = Product(chaos.folder / "product", chaos.program(), agents=2)
    with running(product) as telephones:
        telephones.answering = True
        product.office.mail_server.start()
        weeks = Weeks(chaos, product, telephones)
        product.everybody()
        started = time.monotonic()
        weeks.run(started + 30 * chaos.minutes, most // 2)
        weeks.quiet()
        weeks.may_kill = False
        weeks._to_happen = []
        for agent in ("agent1", "agent2"):
            people.set_presence(product.office.db, agent, Presence.AVAILABLE, "command", times.now())
        weeks.run(time.monotonic() + 6 * chaos.minutes, most // 2 + most // 10)  # warms up
        weeks.quiet()
        before = weeks.holds()
        for agent in ("agent1", "agent2"):
            people.set_presence(product.office.db, agent, Presence.AVAILABLE, "command", times.now())
        calls_before = weeks.calls
        weeks.run(started + 60 * chaos.minutes, most)
        weeks.quiet()
        after = weeks.holds()
        calls_since = max(1, weeks.calls - calls_before)
        product.office.mail_server.stop()
        db = open_store(product.settings.store)
        faults = ledger.check(db, alive=frozenset())
        (on_record,) = db.execute("SELECT count(*) FROM calls").fetchone()
        outcomes = ", ".join(f"{count} {name}" for name, count in ledger.outcomes(db).items())
        db.close()
        log = (product.settings.state / "supervisor.log").read_text(errors="replace")
    happened = ", ".join(f"{count} × {name}" for name, count in sorted(weeks.happened.items()))
    return [
        Figure("calls", weeks.calls, "", at_least=SIZE, seen=f"meanwhile {happened}"),
        Figure("calls without a record", max(0, weeks.answered - on_record), "", at_most=0, seen=outcomes),
        Figure("faults of the ledger", len(faults), "", at_most=0, seen=str(faults[:2])),
        Figure("callers not answered, channels or calls left over", len(weeks.faults), "", at_most=0,
               seen="; ".join(weeks.faults[:3])),
        Figure("threads of the supervisor, more than before", after[0] - before[0], "", at_most=2,
               seen=f"{before[0]} to {after[0]} in {calls_since} calls"),
        Figure("open files, more than before", after[1] - before[1], "", at_most=4,
               seen=f"{before[1]} to {after[1]}"),
        Figure("memory, more than before", after[2] - before[2], "MiB", at_most=8,
               seen=f"{before[2]:.0f} to {after[2]:.0f} MiB"),
        Figure("errors in the supervisor's log", log.count("Traceback"), "",
               seen="a store that is locked for 12 s is told of there"),
    ]  # fmt: skip
