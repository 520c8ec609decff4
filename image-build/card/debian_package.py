"""The Debian package for machines without our card: programs, their libraries, services."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from appliance.telephony.debian_archive import PreparationError
from card.packages import listed
from card.touched import PARTS
from card.tree import PROGRAMS, REPOSITORY, START, TREE, copy, tracked

SCRIPTS = Path(__file__).parents[1] / "package"
# What belongs to the whole machine, which is somebody else's here: firewall, ssh, network, clock, slots.
_OF_THE_CARD = (
    *("etc/hostname", "etc/nftables", "etc/ssh", "usr/lib/freizeichen/host-key"),
    *("usr/lib/freizeichen/address-from-card", "usr/lib/freizeichen/keep-journal", "usr/lib/systemd/dnssd"),
    *("usr/lib/systemd/journald.conf.d", "usr/lib/systemd/network", "usr/lib/systemd/resolved.conf.d"),
    *("usr/lib/systemd/system-preset", "usr/lib/systemd/system.conf.d", "usr/lib/systemd/timesyncd.conf.d"),
    "usr/lib/sysctl.d",
    *(
        f"usr/lib/systemd/system/{name}"
        for name in (
            *("freizeichen-ssh-door", "freizeichen-address", "freizeichen-update", "freizeichen-trial"),
            *("freizeichen-go-back", "freizeichen-journal", "ssh.service.d"),
        )
    ),
)
_NOT_NEEDED = {
    *("nftables", "openssh-server", "systemd-resolved", "systemd-timesyncd", "udev", "bash", "coreutils"),
    *("dash", "mount", "util-linux", "base-files", "base-passwd", "libc-bin", "python3", "systemd"),
}
_SYSCTL = """\
# The page answers on port 80 without a capability for it.
net.ipv4.ip_unprivileged_port_start = 80
"""
_CONTROL = """\
Package: freizeichen
Version: {version}
Architecture: {architecture}
Maintainer: Freizeichen <freizeichen@localhost>
Section: comm
Priority: optional
Installed-Size: {kilobytes}
Depends: {depends}, python3 (>= 3.14), python3 (<< 3.15), systemd (>= 257)
Recommends: asterisk-dahdi
Description: hotline in a box for small offices
 Callers reach the person who is really free, or get an honest choice at once: wait, be called back,
 leave a message. Asterisk answers, a supervisor decides, a page on port 80 sets it up.
"""


MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Debian's architectures a package is made for, and what Python calls them."""


@dataclass(frozen=True, slots=True)
class Package:
    """For which architecture, of which version, what time its files have, how hard it is packed (0 to 9)."""

    architecture: str
    version: str
    epoch: int
    packing: int = 6


def write_package(target: Path, package: Package, libraries: Path, work: Path) -> None:
    """Write a package; `libraries` holds our Python libraries for it. Raises PreparationError."""
    root = work / f"package-{package.architecture}"
    shutil.rmtree(root, ignore_errors=True)
    for file in tracked("appliance", "webui", *PARTS):
        copy(REPOSITORY / file, root / PROGRAMS / file)
    shutil.copytree(libraries, root / PROGRAMS, dirs_exist_ok=True)
    for file in tracked("image-build/root"):
        place = Path(file).relative_to("image-build/root")
        if not str(place).startswith(_OF_THE_CARD):
            copy(REPOSITORY / file, root / place)
    # Debian's own unit has that name in /usr.
    unit = root / "etc/systemd/system/asterisk.service"
    unit.parent.mkdir(parents=True)
    (root / "usr/lib/systemd/system/asterisk.service").rename(unit)
    settings = root / "usr/lib/sysctl.d/50-freizeichen.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(_SYSCTL)
    start = root / "usr/bin/freizeichen"
    start.parent.mkdir(parents=True, exist_ok=True)
    start.write_text(START)
    start.chmod(0o755)
    about = root / "DEBIAN"
    about.mkdir()
    depends = [name for name in listed(TREE.parent / "packages") if name not in _NOT_NEEDED]
    kilobytes = sum(file.lstat().st_size for file in root.rglob("*")) // 1024
    control = _CONTROL.format(
        version=package.version,
        architecture=package.architecture,
        kilobytes=kilobytes,
        depends=", ".join(sorted(depends)),
    )
    (about / "control").write_text(control)
    (about / "conffiles").write_text("/etc/systemd/system/asterisk.service\n")
    for script in sorted(SCRIPTS.iterdir()):
        copy(script, about / script.name)
        (about / script.name).chmod(0o755)
    for place in sorted(root.rglob("*"), reverse=True):
        if not place.is_symlink():
            place.chmod(place.stat().st_mode & 0o755 | (0o755 if place.is_dir() else 0o644))
        os.utime(place, (package.epoch, package.epoch), follow_symlinks=False)
    root.chmod(0o755)
    os.utime(root, (package.epoch, package.epoch))
    done = subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", f"-z{package.packing}", "--build", root, target],
        capture_output=True,
        text=True,
        env=os.environ | {"SOURCE_DATE_EPOCH": str(package.epoch)},
        check=False,
    )
    shutil.rmtree(root)
    if done.returncode:
        raise PreparationError(f"dpkg-deb: {done.stderr.strip()}", f"dpkg-deb: {done.stderr.strip()}")
