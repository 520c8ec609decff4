"""Finds MicroPython's unix port, or unpacks Debian's into the cache folder: it runs the firmware."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from appliance.telephony.debian_archive import (
    PreparationError,
    PrivateApt,
    Progress,
    machine_architecture,
    machine_mirror,
    unpack,
)
from appliance.telephony.sandbox import LOADERS, SUITE, cache_folder, locked

_OLDEST = (1, 22)
_LEFT_OUT = frozenset({"libc-gconv-modules-extra"})


def ensure_micropython(progress: Progress) -> tuple[str, ...]:
    """How to start it: the installed one, else one from Debian (4 MB to download, once).

    Raises PreparationError with what to do.
    """
    installed = shutil.which("micropython")
    if installed and _version((installed,)) >= _OLDEST:
        return (installed,)
    architecture = machine_architecture()
    if architecture not in LOADERS:
        raise PreparationError(
            f"MicroPython cannot be unpacked for {architecture}. Install the package micropython.",
            f"MicroPython ist für {architecture} nicht auspackbar. Bitte das Paket micropython installieren.",
        )
    cache = cache_folder()
    folder = cache / f"micropython-{SUITE}-{architecture}"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_suffix(".lock"), progress):
            if not folder.exists():
                _make(folder, architecture, progress)
    except OSError as error:
        raise PreparationError(
            f"MicroPython cannot be kept in {cache}: {error}. Set XDG_CACHE_HOME to another folder.",
            f"MicroPython ist in {cache} nicht abzulegen: {error}."
            " Bitte XDG_CACHE_HOME auf einen anderen Ordner setzen.",
        ) from error
    return _command(folder, architecture)


def _make(folder: Path, architecture: str, progress: Progress) -> None:
    """Make it beside its place and move it there when it is known to run."""
    beside = folder.with_suffix(".half")
    shutil.rmtree(beside, ignore_errors=True)  # whoever made it was cut off
    try:
        apt = PrivateApt(beside / "apt", mirror=machine_mirror(), suite=SUITE, architecture=architecture)
        apt.update(progress)
        packages = [name for name in apt.needed_by(["micropython"]) if name not in _LEFT_OUT]
        archives = beside / "archives"
        archives.mkdir()
        unpack(apt.download(packages, archives, progress), beside / "root", progress)
        if _version(_command(beside / "root", architecture)) < _OLDEST:
            raise PreparationError(
                "The unpacked MicroPython does not run. Try again later or with another mirror.",
                "Das ausgepackte MicroPython läuft nicht."
                " Bitte später oder mit einem anderen Spiegel versuchen.",
            )
        (beside / "root").rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _command(root: Path, architecture: str) -> tuple[str, ...]:
    triplet, loader = LOADERS[architecture]
    libraries = root / "usr" / "lib" / triplet
    return (
        f"{libraries / loader}",
        "--library-path",
        f"{libraries}",
        f"{root / 'usr' / 'bin' / 'micropython'}",
    )


def _version(command: tuple[str, ...]) -> tuple[int, ...]:
    """Ask the program itself; (0,) when it does not run."""
    asked = "import sys; print(*sys.implementation[1][:2])"
    try:
        done = subprocess.run([*command, "-c", asked], capture_output=True, text=True, timeout=20, check=True)
        return tuple(int(number) for number in done.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return (0,)
