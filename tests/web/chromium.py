"""Finds this machine's Chromium, or unpacks Debian's into the cache folder, without root."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
from pathlib import Path

from appliance.telephony.debian_archive import PrivateApt, machine_architecture, machine_mirror, unpack
from appliance.telephony.sandbox import cache_folder, shown_progress

_PACKAGES = ("chromium", "fonts-dejavu-core")
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def ensure_chromium() -> Path:
    """The browser to use. Raises PreparationError with what to do when there is none and none can be had."""
    for name in _NAMES:
        if found := shutil.which(name):
            return Path(found)
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "stable")
    folder = cache_folder() / f"chromium-{suite}-{machine_architecture()}"
    cache_folder().mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "start").exists():
            _make(folder, suite)
    return folder / "start"


def _make(folder: Path, suite: str) -> None:
    """Unpack it beside its place, then move it there."""
    beside = folder.with_suffix(".half")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    root, archives = beside / "root", beside / "archives"
    archives.mkdir(parents=True)
    with shown_progress("Chromium") as progress:
        apt = PrivateApt(
            beside / "apt", mirror=machine_mirror(), suite=suite, architecture=machine_architecture()
        )
        apt.update(progress)
        # The machine's own C library belongs to its loader; it is of the same release.
        packages = [name for name in apt.needed_by(_PACKAGES) if name not in ("libc6", "libc-bin")]
        unpack(apt.download(packages, archives, progress), root, progress)
    libraries = next((root / "usr" / "lib").glob("*-linux-gnu"))
    fonts = root / "fonts.conf"
    final = {str(beside / "root"): str(folder)}
    fonts.write_text(
        f"<fontconfig><dir>{folder}/usr/share/fonts</dir><cachedir>{folder}/font-cache</cachedir></fontconfig>"
    )
    paths = ":".join(
        str(place).replace(*next(iter(final.items()))) for place in (libraries, root / "lib" / libraries.name)
    )
    start = root / "start"
    start.write_text(
        f"#!/bin/sh\nexport LD_LIBRARY_PATH='{paths}' FONTCONFIG_FILE='{folder}/fonts.conf'\n"
        f"exec '{folder}/usr/lib/chromium/chromium' \"$@\"\n"
    )
    start.chmod(0o755)
    os.rename(root, folder)  # noqa: PTH104 - a folder
    shutil.rmtree(beside, ignore_errors=True)
