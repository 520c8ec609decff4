"""Which Debian packages lie on the card, and the tools that make it; fetched once, unpacked without root."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from appliance.telephony.debian_archive import (
    PreparationError,
    PrivateApt,
    Progress,
    machine_architecture,
    machine_mirror,
    name_of_archive,
)
from appliance.telephony.sandbox import SUITE, cache_folder

LISTS = tuple(Path(__file__).parents[1] / name for name in ("packages", "packages-of-the-card"))
ARCHITECTURE = "arm64"
LIBRARIES = "aarch64-linux-gnu"
_COMPONENTS = "main non-free-firmware"  # raspi-firmware is in the second
_TOOLS = (
    *("bash", "coreutils", "dosfstools", "e2fsprogs", "erofs-utils", "kmod", "mtools", "python3", "systemd"),
    *("openssh-client", "xz-utils"),
)

# What serves the installing of packages or compiles, what belongs to modules of Asterisk we never load,
# and the bus no program of ours uses.
LEFT_OUT = re.compile(
    r"3cpio|adduser|binutils.*|bzip2|cpp.*|dahdi-dkms|dbus.*|debconf|dirmngr|dkms|dpkg.*|dracut.*|freetds-common"
    r"|gcc-\d+.*-linux-gnu|gcc-\d+(-for-host)?|gcc|gcc-aarch64-linux-gnu|gnupg.*|gpg.*|lib(a|l|t|ub|hwa)san\d+"
    r"|libc-dev-bin|libc-gconv-modules-extra|libc6-dev|libcc1-0|libcodec2-.*|libctf.*|libdb5.*|libdebconfclient.*"
    r"|libdpkg-perl|libdwarves.*|libgcc-\d+-dev|libgdbm.*|libgomp1|libgprofng0|libicu\d+|libisl.*|libitm1|libmpc3"
    r"|libmpfr6|libnpth.*|libperl.*|libsemanage.*|libsensors.*|libsepol.*|libsframe.*|libsnmp.*|libsybdb.*"
    r"|libtext-.*-perl|linux-headers.*|linux-kbuild.*|linux-libc-dev|login\.defs|make|pahole|passwd|patch|pci\.ids"
    r"|perl.*|pinentry-.*|readline-common|runit-helper|sensible-utils|ucf|usbutils"
)


def listed(file: Path) -> list[str]:
    """The entries of a list, one a line, with comments."""
    return [line for line in file.read_text().splitlines() if line and not line.startswith("#")]


def apt_for(folder: Path, architecture: str, progress: Progress) -> PrivateApt:
    """An apt that knows this architecture's packages. Raises PreparationError."""
    shutil.rmtree(folder, ignore_errors=True)
    apt = PrivateApt(
        folder, mirror=machine_mirror(), suite=SUITE, architecture=architecture, components=_COMPONENTS
    )
    apt.update(progress)
    return apt


def on_the_card(apt: PrivateApt) -> list[str]:
    """The archives, with their versions, whose content lies on the card."""
    found = apt.archives_needed_by([package for file in LISTS for package in listed(file)])
    return [archive for archive in found if not LEFT_OUT.fullmatch(name_of_archive(archive))]


def fetched(apt: PrivateApt, archives: Sequence[str], progress: Progress) -> list[Path]:
    """These archives as files; what an earlier build has fetched is not fetched again."""
    folder = cache_folder() / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [archive for archive in archives if not (folder / archive).exists()]
    if missing:
        with tempfile.TemporaryDirectory(dir=folder) as waiting:
            for file in apt.download(map(name_of_archive, missing), Path(waiting), progress):
                file.rename(folder / file.name)
    return [folder / archive for archive in archives]


def unpack_into(root: Path, archives: Iterable[Path], progress: Progress) -> None:
    """Unpack into a tree in which /bin, /sbin and /lib are those of /usr; the archives are kept.

    Raises PreparationError, most likely because the disk is full.
    """
    for name in ("bin", "sbin", "lib"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (root / name).is_symlink():
            (root / name).symlink_to(f"usr/{name}")

    def unpack_one(archive: Path) -> None:
        done = subprocess.run(["dpkg", "-x", archive, root], capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["?"])[-1]
            raise PreparationError(
                f"{archive.name} could not be unpacked. Is there room in {root}? (dpkg: {said})",
                f"{archive.name} war nicht auszupacken. Ist in {root} genug Platz? (dpkg: {said})",
            )

    waiting = list(archives)
    with ThreadPoolExecutor(max_workers=2) as workers:
        for count, _ in enumerate(workers.map(unpack_one, waiting), start=1):
            progress("unpacking packages", 100 * count // len(waiting))


class Tools:
    """The programs that make the image, of the box's own Debian release, run from a folder of the cache."""

    def __init__(self, work: Path, progress: Progress) -> None:
        self._architecture = machine_architecture()
        self.apt = apt_for(work / "apt-tools", self._architecture, progress)
        self.root = self.tree("tools", self.apt.archives_needed_by(_TOOLS), progress)

    def tree(self, name: str, archives: Sequence[str], progress: Progress) -> Path:
        """A tree of these archives, from the cache or unpacked now."""
        digest = hashlib.sha256(" ".join(sorted(archives)).encode()).hexdigest()[:8]
        folder = cache_folder() / f"{name}-{SUITE}-{self._architecture}-{digest}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                half = folder.with_suffix(".half")
                shutil.rmtree(half, ignore_errors=True)
                unpack_into(half, fetched(self.apt, archives, progress), progress)
                half.rename(folder)
        return folder

    def command(self, program: str) -> list[str]:
        """How to run a program: through the loader and the libraries beside it."""
        libraries = next((self.root / "usr/lib").glob("*-linux-gnu"))
        loader = next(libraries.glob("ld-linux-*"))
        place = next(
            self.root / folder / program
            for folder in ("usr/bin", "usr/sbin")
            if (self.root / folder / program).exists()
        )
        return [str(loader), "--library-path", f"{libraries}:{libraries / 'systemd'}", str(place)]

    def run(
        self,
        program: str,
        *words: str | Path,
        environment: dict[str, str] | None = None,
        good: Collection[int] = (0,),
    ) -> str:
        """Run a program; returns what it prints. Raises PreparationError with its last words when its status
        is not a good one."""
        done = subprocess.run(
            [*self.command(program), *map(str, words)],
            capture_output=True,
            text=True,
            env=os.environ | {"LC_ALL": "C.UTF-8"} | (environment or {}),
            check=False,
        )
        if done.returncode not in good:
            said = f"{done.stdout}\n{done.stderr}".strip()[-1500:]
            raise PreparationError(f"{program} failed:\n{said}", f"{program} ging nicht:\n{said}")
        return done.stdout
