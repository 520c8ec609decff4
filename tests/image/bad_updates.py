"""Updates the box must refuse, each for one reason: otherwise as real ones, but small."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlite_utils import Database

from appliance.store.migrations import migrations
from appliance.updating.update_file import manifest_of
from card.boot_files import EMULATED_BOARD
from card.packages import Tools
from card.update import signing_key, start_archive, write_signed


def bad_updates(folder: Path, tools: Tools) -> Iterator[tuple[str, Path, str]]:
    """What is wrong, the file, and what the box says of it in German."""
    stranger = folder / "stranger"
    tools.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger)
    maker = signing_key(tools)
    parts = [folder / "system", folder / "start"]
    parts[0].write_bytes(b"no file system")
    parts[1].write_bytes(start_archive({}, 0))
    known = [step.name for step in migrations.pending(Database(memory=True))]
    for what, key, board, steps, said in (
        ("wrong signature", stranger, EMULATED_BOARD, known, "Die Unterschrift der Datei stimmt nicht"),
        ("another board", maker, "raspberrypi,5-model-b", known, "Das Update ist für andere Geräte"),
        ("older than the data", maker, EMULATED_BOARD, known[:-1], "Das Update ist älter als die Daten"),
    ):
        target = folder / f"{what.replace(' ', '-')}.update"
        write_signed(target, manifest_of("9.0-bad", [board], steps, parts), parts, (key, 0), tools)
        yield what, target, said
