"""Finds SIPp, or unpacks Debian's into the cache folder; runs it against a box."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from appliance.simulator.exchange import LINE_ADDRESS
from appliance.telephony.debian_archive import (
    PreparationError,
    PrivateApt,
    Progress,
    machine_architecture,
    machine_mirror,
    unpack,
)
from appliance.telephony.sandbox import LOADERS, SUITE, cache_folder, locked

SCENARIOS = Path(__file__).parent / "scenarios"
_PACKAGE = "sip-tester"
_LEFT_OUT = frozenset({"libc-gconv-modules-extra"})


def ensure_sipp(progress: Progress) -> tuple[str, ...]:
    """How to start SIPp: the installed one, else one from Debian (once). Raises PreparationError."""
    if found := shutil.which("sipp"):
        return (found,)
    architecture = machine_architecture()
    if architecture not in LOADERS:
        raise PreparationError(
            f"SIPp cannot be unpacked for {architecture}. Install the package {_PACKAGE}.",
            f"SIPp ist für {architecture} nicht auspackbar. Bitte das Paket {_PACKAGE} installieren.",
        )
    cache = cache_folder()
    folder = cache / f"{_PACKAGE}-{SUITE}-{architecture}"
    cache.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock"), progress):
        if not folder.exists():
            _make(folder, architecture, progress)
    triplet, loader = LOADERS[architecture]
    libraries = folder / "usr" / "lib" / triplet
    return (f"{libraries / loader}", "--library-path", f"{libraries}", f"{folder / 'usr' / 'bin' / 'sipp'}")


def _make(folder: Path, architecture: str, progress: Progress) -> None:
    """Make it beside its place."""
    beside = folder.with_suffix(".half")
    shutil.rmtree(beside, ignore_errors=True)  # whoever made it was cut off
    try:
        apt = PrivateApt(beside / "apt", mirror=machine_mirror(), suite=SUITE, architecture=architecture)
        apt.update(progress)
        packages = [name for name in apt.needed_by([_PACKAGE]) if name not in _LEFT_OUT]
        archives = beside / "archives"
        archives.mkdir()
        unpack(apt.download(packages, archives, progress), beside / "root", progress)
        (beside / "root").rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def place_calls(
    sipp: tuple[str, ...], scenario: Path, folder: Path, *,
    box: tuple[str, int], line_port: int, dialled: str, rate: float, calls: int, seconds: float,
) -> tuple[int, int]:  # fmt: skip
    """Place calls from the line at a rate; returns how many succeeded and how many failed.

    Those that did not end within `seconds` have failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        *sipp, f"{box[0]}:{box[1]}", "-sf", str(scenario), "-i", LINE_ADDRESS, "-p", str(line_port),
        "-s", dialled, "-r", f"{rate:g}", "-m", str(calls), "-l", str(calls), "-nd", "-aa", "-nostdin",
        "-timeout", f"{seconds:g}s", "-trace_stat", "-stf", str(folder / "stat.csv"), "-fd", "1",
    ]  # fmt: skip
    subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    lines = (folder / "stat.csv").read_text().strip().splitlines()
    last = dict(zip(re.split(";", lines[0]), re.split(";", lines[-1]), strict=False))
    succeeded = int(last["SuccessfulCall(C)"])
    return succeeded, calls - succeeded
