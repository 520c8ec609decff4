"""What a box is compared with: Debian as its installer leaves it, with Debian's Asterisk, on the same kernel
in the same emulated machine, and one extension that answers.

It is treated kindly: its first system only mounts the disk (Debian's own looks for hardware first), users,
machine-id and indexes are there as after an earlier start, and no ssh server starts.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

from appliance.telephony.sandbox import shown_progress
from card.kernel import cpio, modules_folder
from card.packages import ARCHITECTURE, Tools, apt_for, fetched, unpack_into
from card.tree import finish_as_scripts_would
from tests.image.card import Card

_PACKAGES = (
    # What the installer takes for the smallest choice, without the tools for people.
    *("base-files", "base-passwd", "bash", "coreutils", "cron", "dash", "dbus", "dhcpcd-base", "e2fsprogs"),
    *(
        "findutils",
        "grep",
        "ifupdown",
        "init",
        "iproute2",
        "kmod",
        "libc-bin",
        "libpam-systemd",
        "login",
        "mount",
    ),
    *("nftables", "passwd", "procps", "sed", "systemd", "systemd-timesyncd", "tzdata", "udev", "util-linux"),
    *("linux-image-arm64", "asterisk", "asterisk-config", "asterisk-core-sounds-en-gsm"),
)
_DISK_BYTES = 2 * 1024**3
_FIRST = b"""#!/bin/sh
export PATH=/usr/bin
/usr/bin/busybox --install -s /usr/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
modprobe -a virtio_pci virtio_blk ext4
until [ -b /dev/vda ]; do usleep 20000; done
mount -t ext4 -o ro /dev/vda /root
for folder in dev proc sys; do mount --move /$folder /root/$folder; done
exec switch_root /root /usr/lib/systemd/systemd
"""
_FILES = {
    "etc/fstab": "/dev/vda / ext4 errors=remount-ro 0 1\n",
    "etc/hostname": "debian\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 debian\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/network/interfaces": "auto lo\niface lo inet loopback\nallow-hotplug eth0\niface eth0 inet dhcp\n",
    "usr/lib/sysusers.d/asterisk-here.conf": 'u asterisk - "Asterisk" /var/lib/asterisk\n',
    # What the scripts of Debian's package do once.
    "usr/lib/tmpfiles.d/asterisk-here.conf": "".join(
        f"d {folder} 0750 asterisk asterisk -\n"
        for folder in ("/var/lib/asterisk", "/var/log/asterisk", "/var/spool/asterisk", "/run/asterisk")
    ),
    "etc/asterisk/pjsip.conf": """\
[udp]
type=transport
protocol=udp
bind=0.0.0.0

[anonymous]
type=endpoint
context=answers
allow=!all,alaw
""",
}
_ANSWERS = "\n[answers]\nexten => _X.,1,Answer()\n same => n,Playback(demo-congrats)\n"


def made_disk(folder: Path) -> tuple[Path, bytes]:
    """The disk, and its kernel. Raises PreparationError."""
    root = folder / "debian"
    with shown_progress("plain Debian") as progress:
        tools = Tools(folder, progress)
        apt = apt_for(folder / "apt-debian", ARCHITECTURE, progress)
        archives = [
            archive
            for archive in apt.archives_needed_by(_PACKAGES)
            if not archive.startswith(("dracut", "initramfs"))
        ]
        unpack_into(root, fetched(apt, archives, progress), progress)
    for name, content in _FILES.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    with (root / "etc/asterisk/extensions.conf").open("a") as plan:
        plan.write(_ANSWERS)
    finish_as_scripts_would(root, tools)
    for name in ("systemd-networkd", "systemd-networkd-wait-online"):  # Debian's own scripts do not enable it
        unit = root / f"etc/systemd/system/{name}.service"
        unit.unlink(missing_ok=True)
        unit.symlink_to("/dev/null")
    modules = modules_folder(root)
    kernel = (modules / "vmlinuz").read_bytes()
    tools.run("depmod", "--basedir", root, modules.name)
    for file in (root / "etc/asterisk").rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    disk = folder / "debian.img"
    with disk.open("wb") as empty:
        empty.truncate(_DISK_BYTES)
    tools.run("mke2fs", "-q", "-F", "-t", "ext4", "-E", "root_owner=0:0", "-d", root, disk)
    shutil.rmtree(root)
    return disk, kernel


def switched_on(disk: Path, kernel: bytes, first: bytes, folder: Path, patience_seconds: float) -> Card:
    """The machine, started from that disk. `first` is the box's first system: its programs and modules."""
    machine = Card(disk, folder, patience_seconds)
    first += gzip.compress(b"".join(cpio({"init": _FIRST})), mtime=0)  # laid over the box's own
    machine.start(kernel, first, "root=/dev/vda net.ifnames=0 quiet")
    return machine
