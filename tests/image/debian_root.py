"""Debian packages of the box's release, unpacked into the cache folder without root, and run from there."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from appliance.telephony.debian_archive import PrivateApt, machine_architecture, machine_mirror, unpack
from appliance.telephony.sandbox import SUITE, cache_folder, shown_progress

TREE = Path(__file__).parents[2] / "image-build" / "root"
"""What is laid over the packages on the box."""

TOOLS = ("systemd", "nftables", "iproute2")
"""What judges and loads the files of the tree: the very programs of the box."""


def debian_root(packages: Sequence[str]) -> Path:
    """A folder with these packages and all they need, unpacked, no script of theirs run.

    Raises PreparationError with what to do when they cannot be had.
    """
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    folder = cache_folder() / f"root-{SUITE}-{machine_architecture()}-{digest}"
    cache_folder().mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _make(folder, packages)
    return folder


def _make(folder: Path, packages: Sequence[str]) -> None:
    """Unpack beside its place, then move it there."""
    beside = folder.with_suffix(".half")
    shutil.rmtree(beside, ignore_errors=True)
    archives = beside / "archives"
    archives.mkdir(parents=True)
    with shown_progress(f"Debian {SUITE}") as progress:
        apt = PrivateApt(
            beside / "apt", mirror=machine_mirror(), suite=SUITE, architecture=machine_architecture()
        )
        apt.update(progress)
        unpack(apt.download(apt.needed_by(packages), archives, progress), beside / "root", progress)
    (beside / "root").rename(folder)
    shutil.rmtree(beside)


def command(root: Path, program: str) -> list[str]:
    """How to run a program of that root: through the loader and the libraries beside it."""
    libraries = next((root / "usr" / "lib").glob("*-linux-gnu"))
    loader = next(libraries.glob("ld-linux-*"))
    return [str(loader), "--library-path", f"{libraries}:{libraries / 'systemd'}", str(root / program)]
