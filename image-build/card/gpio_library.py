"""The library for lamps and switch, compiled for the box's Python: rpi-lgpio, and lgpio beneath it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from appliance.telephony.debian_archive import PreparationError, PrivateApt, Progress, name_of_archive
from appliance.telephony.sandbox import cache_folder
from card.packages import fetched, unpack_into

_REQUIREMENTS = Path(__file__).parents[1] / "gpio-libraries"
_PYTHON = "python3.14"
_HEADERS = f"lib{_PYTHON}-dev"
_TRIPLES = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}

# The wrapper asks for what these were called in Python 2.
_RENAMED = {
    "PyInt_FromLong": "PyLong_FromLong",
    "PyInt_Check": "PyLong_Check",
    "PyInt_AsLong": "PyLong_AsLong",
    "PyString_FromString": "PyUnicode_FromString",
    "PyString_Check": "PyBytes_Check",
    "PyString_AsString": "PyBytes_AsString",
    "PyString_AsStringAndSize": "PyBytes_AsStringAndSize",
    "PyString_FromStringAndSize": "PyUnicode_FromStringAndSize",
}
_IN_ROOT = 'mount --rbind /dev "$1/dev" && exec chroot "$1" /bin/bash -ec "$2"'


def gpio_library(
    apt: PrivateApt, compiler_apt: PrivateApt, architecture: str, *, cross: bool, progress: Progress
) -> Path:
    """A folder with `RPi` and `lgpio` for an architecture as Debian calls it, kept in the cache.

    `apt` knows that architecture's packages, `compiler_apt` this machine's; `cross`: they are not the same.
    Raises PreparationError.
    """
    triple = _TRIPLES[architecture]
    gcc = (
        (f"gcc-{triple.replace('_', '-')}", f"libc6-dev-{architecture}-cross")
        if cross
        else ("gcc", "libc6-dev")
    )
    compiler = compiler_apt.archives_needed_by([*gcc, "swig", "bash", "coreutils"])
    headers = [name for name in apt.archives_needed_by([_HEADERS]) if name_of_archive(name) == _HEADERS]
    made_from = [*headers, *compiler, _REQUIREMENTS.read_text(), Path(__file__).read_text()]
    digest = hashlib.sha256(" ".join(made_from).encode()).hexdigest()[:8]
    folder = cache_folder() / f"gpio-{architecture}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            root = folder.with_suffix(".half")
            shutil.rmtree(root, ignore_errors=True)
            unpack_into(root, fetched(compiler_apt, compiler, progress), progress)
            unpack_into(root, fetched(apt, headers, progress), progress)
            progress("compiling lgpio", 0)
            _compile(root, f"{triple}-gcc" if cross else "gcc")
            (root / "built").rename(folder)
            shutil.rmtree(root)
            progress("compiling lgpio", 100)
    return folder


def gpio_requirements() -> list[str]:
    """Both with version and digest, as in requirements.lock."""
    return re.findall(r"^\w.*$", _REQUIREMENTS.read_text(), re.MULTILINE)


def _compile(root: Path, gcc: str) -> None:
    """Leaves both libraries in `root`/built."""
    for name in ("dev", "tmp", "built", "source"):
        (root / name).mkdir(exist_ok=True)
    if not (root / "usr/bin/sh").exists():
        (root / "usr/bin/sh").symlink_to("bash")
    _fetch(root)
    renamed = " ".join(f"-D{old}={new}" for old, new in _RENAMED.items())
    includes = f"-Isrc -I/usr/include/{_PYTHON} -I/usr/include"
    commands = (
        "export PATH=/usr/bin; cd /source/lgpio; swig -python lgpio.i;"
        f" {gcc} -std=gnu17 -O2 -s -shared -fPIC -pthread -w {renamed} {includes}"
        " src/lg[!_]*.c src/rgpiod.c lgpio_wrap.c -o /built/_lgpio.so -lrt -ldl;"
        " cp lgpio.py /built"
    )
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    _run("compiled", "unshare", *user, "--mount", "sh", "-ec", _IN_ROOT, "sh", str(root), commands)


def _fetch(root: Path) -> None:
    """rpi-lgpio's wheel, unpacked to `root`/built; the sources of lgpio in `root`/source/lgpio."""
    words = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps")
    for wanted in gpio_requirements():
        (root / "source/wanted").write_text(f"{wanted}\n")
        kind = "--no-binary=:all:" if wanted.startswith("lgpio") else "--only-binary=:all:"
        target = str(root / "source")
        _run(
            "fetched", *words, "--require-hashes", kind, "--dest", target, "--requirement", f"{target}/wanted"
        )
    wheel = next((root / "source").glob("*.whl"))
    shutil.unpack_archive(wheel, root / "built", "zip")
    archive = next((root / "source").glob("*.tar.gz"))
    shutil.unpack_archive(archive, root / "source", filter="data")
    (root / "source" / archive.name.removesuffix(".tar.gz")).rename(root / "source/lgpio")


def _run(what: str, *words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = f"{done.stdout}\n{done.stderr}".strip()[-2000:]
        raise PreparationError(
            f"The library for lamps was not {what}:\n{said}",
            f"Die Bibliothek für Lampen war nicht zu bekommen oder zu übersetzen:\n{said}",
        )
