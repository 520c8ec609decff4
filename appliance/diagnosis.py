"""A diagnosis bundle: what helps to find a fault, and no number, name, address or word of anybody.

Only counts, times, and words from lists of our own get in; departments, agents and calls are numbered.
"""

from __future__ import annotations

import json
import platform
import shutil
import sqlite3
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Final

from sqlite_utils import Database

from appliance import __version__
from appliance.settings import Settings, SipLine
from appliance.store import times

_CALLS: Final = 300
_STEPS: Final = frozenset(
    row for row in (
        *("rang in", "greeted", "waits", "talks", "agent rings", "ended", "all busy told", "closed told"),
        *("nobody present told", "leaves message", "callback promised", "callback ordered", "cut off"),
        *("agent did not answer", "agent refused", "agent not free", "phone unreachable", "mail delivered"),
        *("waited longer than promised", "conversation over", "hung up while ringing", "calls back"),
        *("outside rings", "outside not reached", "menu", "menu chosen", "on-call rings", "transferred"),
    )
)  # fmt: skip
_PLAIN_DEPARTMENT: Final = (
    *("always_open", "closed_on_holidays", "ignores_night_switch", "ring_seconds", "wrap_up_seconds"),
    *("message_seconds", "offers_wait", "offers_callback", "offers_message", "announce_position"),
    *("promise_minutes", "language_wait_seconds", "ticket_from", "callback_attempts", "language"),
)


def write_bundle(db: Database, settings: Settings, stream: IO[bytes]) -> None:
    """Write the bundle, a ZIP file of JSON texts."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, value in bundle(db, settings).items():
            packed.writestr(f"{name}.json", json.dumps(value, indent=1))


def bundle(db: Database, settings: Settings) -> dict[str, Any]:
    """What is in the bundle, by the names of its files."""
    return {
        "box": _box(settings),
        "store": _store(db),
        "setup": _setup(db, settings),
        "state": _state(db),
        "calls": _calls(db),
    }


def _box(settings: Settings) -> dict[str, Any]:
    disk = shutil.disk_usage(settings.state)
    return {
        "version": __version__,
        "made_at": times.to_text(times.now()),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "sqlite": sqlite3.sqlite_version,
        "uptime_seconds": _first_number(Path("/proc/uptime")),
        "load": _first_number(Path("/proc/loadavg")),
        "disk_bytes": disk.total,
        "disk_free_bytes": disk.free,
        "spool_bytes": sum(file.stat().st_size for file in settings.spool.rglob("*") if file.is_file()),
        "spool_files": sum(file.is_file() for file in settings.spool.rglob("*")),
    }


def _first_number(file: Path) -> float | None:
    try:
        return float(file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _store(db: Database) -> dict[str, Any]:
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return {
        "bytes": int(db.execute("PRAGMA page_count").fetchone()[0])
        * int(db.execute("PRAGMA page_size").fetchone()[0]),
        "sound": db.execute("PRAGMA quick_check").fetchone()[0] == "ok",
        "rows": {name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in tables},
    }


def _setup(db: Database, settings: Settings) -> dict[str, Any]:
    departments = list(db.query(f"SELECT {', '.join(_PLAIN_DEPARTMENT)} FROM departments ORDER BY rowid"))
    office = next(
        db.query("SELECT language, country, time_zone, retention_days, callback_confirmation FROM office"), {}
    )
    mail = next(db.query("SELECT security, user <> '' AS signs_in FROM mail_server"), {})
    return {
        "office": office,
        "mail_server": mail,
        "departments": departments,
        "lines": [
            {"kind": "sip"}
            if isinstance(line, SipLine)
            else {"kind": str(line.kind), "ports": len(line.ports)}
            for line in settings.lines
        ],
        "front_panel": settings.front_panel,
    }


def _state(db: Database) -> dict[str, Any]:
    lamps = db.execute("SELECT name, pattern, changed_at FROM lamps ORDER BY name").fetchall()
    lines = db.execute("SELECT kind, channels, busy, free, trouble, since FROM line_states").fetchall()
    return {
        "night_switch": db.execute("SELECT mode, since FROM night_switch").fetchone(),
        "lamps": [
            (name if ":" not in name else name.partition(":")[0], pattern, at) for name, pattern, at in lamps
        ],
        "lines": lines,
        "boxes": db.execute("SELECT port <> '', firmware, seen_at FROM boxes").fetchall(),
        "presence": db.execute("SELECT state, count(*) FROM presence GROUP BY state").fetchall(),
        "needs_attention": [kind for (kind,) in db.execute("SELECT kind FROM attention").fetchall()],
        "mails": [
            # The server's own words behind the colon may name addresses.
            (attempts, trouble.partition(":")[0], count)
            for attempts, trouble, count in db.execute(
                "SELECT attempts, last_error, count(*) FROM outbox WHERE delivered_at = '' GROUP BY 1, 2"
            ).fetchall()
        ],
        "wishes": [
            (kind, at, answer and json.loads(answer)["word"])
            for kind, at, answer in db.execute("SELECT kind, asked_at, answer FROM wishes").fetchall()
        ],
        "outcomes": db.execute("SELECT outcome, count(*) FROM calls GROUP BY outcome").fetchall(),
    }


def _calls(db: Database) -> list[dict[str, Any]]:
    """The newest calls, what happened in them and when, without who, where and with whom."""
    since = times.to_text(times.now() - timedelta(days=7))
    found = db.execute(
        "SELECT call, started_at, waits_since, connected_at, ended_at, outcome FROM calls"
        " WHERE started_at > ? ORDER BY started_at DESC LIMIT ?",
        [since, _CALLS],
    ).fetchall()
    return [
        {
            **dict(
                zip(("started_at", "waits_since", "connected_at", "ended_at", "outcome"), row, strict=True)
            ),
            "steps": [
                (at, step if step in _STEPS else "other")
                for at, step in db.execute(
                    "SELECT at, step FROM steps WHERE call = ? ORDER BY at, id", [call]
                ).fetchall()
            ],
        }
        for call, *row in found
    ]
