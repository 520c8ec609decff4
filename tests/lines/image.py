"""The machine that real lines are tested in: a kernel with DAHDI, Asterisk and Python as one disk image.

Nothing is installed here and nobody needs to be root: packages of Debian are unpacked, DAHDI's modules are
compiled against their kernel in a tree of its own, and the result is kept in the cache under a digest of
everything it was made from (package versions, locked libraries, this file).
"""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.telephony.debian_archive import (
    PreparationError,
    PrivateApt,
    Progress,
    machine_architecture,
    machine_mirror,
    name_of_archive,
    unpack,
)
from appliance.telephony.sandbox import SUITE, cache_folder
from card.gpio_library import gpio_library

ROOT = Path(__file__).resolve().parent.parent.parent
_GUEST_PACKAGES = (
    *("asterisk", "asterisk-dahdi", "asterisk-prompt-de", "asterisk-core-sounds-en-gsm"),
    *("asterisk-moh-opsound-gsm", "dahdi", "python3", "busybox-static", "bash", "coreutils"),
)
_COMPILER_PACKAGES = (
    *("dahdi-dkms", "linux-headers-amd64", "bash", "coreutils", "sed", "grep", "mawk", "findutils"),
    "diffutils",
)
_EMULATOR_PACKAGES = ("qemu-system-x86", "e2fsprogs")
# What serves the installing of packages, compiles, or belongs to modules of Asterisk we never load.
_LEFT_OUT = re.compile(
    r"3cpio|adduser|base-passwd|binutils.*|cpp.*|dahdi-(dkms|linux)|debconf|dirmngr|dkms|dpkg-dev|dracut.*"
    r"|freetds-common|fxload|gcc|gcc-\d+|gcc-\d+-(for|x86).*|gnupg.*|gpg.*|lib(a|l|t|ub|hwa)san\d+"
    r"|libc-dev-bin|libc-gconv-modules-extra|libc6-dev|libcc1-0|libcodec2-.*|libctf.*|libdebconfclient.*"
    r"|libdpkg-perl|libgcc-\d+-dev|libgprofng0|libicu\d+|libisl.*|libitm1|libmpc3|libmpfr6|libnpth.*|libpam.*"
    r"|libperl.*|libsemanage.*|libsensors.*|libsepol.*|libsnmp.*|libstdc\+\+-\d+-dev|libsybdb.*|linux-.*"
    r"|login\.defs|make|pahole|passwd|patch|pci\.ids|perl.*|pinentry-.*|readline-common|systemd.*|udev|usbutils"
)
_KERNEL = re.compile(r"linux-(binary|modules)-.*")
_MODULES_FIRST = ("virtio_pci", "virtio_blk", "ext4")
"""What the small first system must load to find the disk; the disk holds the others."""
_MODULES = ("virtio_net", "9pnet_virtio", "9p", "gpio_sim")
DAHDI_MODULES = ("dahdi", "dahdi_dynamic", "dahdi_dynamic_loc", "dahdi_echocan_mg2")
_LIBRARIES_LEFT_OUT = re.compile(
    r"numpy.*|mypy.*|ruff.*|pytest.*|_pytest|hypothesis.*|pip.*|setuptools.*|lameenc.*|__pycache__"
    r"|_?argon2_cffi_bindings.*|_?cffi.*|greenlet.*|playwright.*"
    r"|freizeichen.*|librt.*|.*_mypyc.*|ast_serialize.*|aiosmtpd.*|flask.*|werkzeug.*|waitress.*"
)
_IMAGE_MEGABYTES = 900
_COMPILED = "/compiled"
_KEPT_SECONDS = 14 * 24 * 3600

_IN_ROOT = (
    'mount --rbind /proc "$1/proc" && mount --rbind /dev "$1/dev" && exec chroot "$1" /bin/bash -ec "$2"'
)

_FIRST_PROGRAM = """\
#!/bin/sh
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
for module in $(cat /modules/order); do insmod /modules/$module.ko || echo "no $module"; done
mount -t ext4 -o rw,noatime /dev/vda /disk || exec sh
umount /proc
mount --move /dev /disk/dev
exec switch_root /disk /usr/bin/busybox sh /first
"""

_SECOND_PROGRAM = """\
export PATH=/usr/sbin:/usr/bin
mount() { busybox mount "$@"; }
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
for module in $(cat /modules/order); do busybox insmod /modules/$module.ko || echo "no $module"; done
mount -t configfs config /sys/kernel/config
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 repository /repository
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 share /share
busybox ip link set lo up
busybox ip address add 10.0.2.15/24 dev eth0
busybox ip link set eth0 up
busybox hostname lines
export PYTHONPATH=/repository:/libraries PYTHONPYCACHEPREFIX=/compiled HOME=/root LANG=C.UTF-8
exec python3 /repository/tests/lines/inside.py
"""


@dataclass(frozen=True, slots=True)
class Image:
    """Where the finished machine lies."""

    folder: Path

    @property
    def kernel(self) -> Path:
        """The kernel QEMU boots."""
        return self.folder / "vmlinuz"

    @property
    def first(self) -> Path:
        """The small first system that finds the disk."""
        return self.folder / "first.cpio"

    @property
    def disk(self) -> Path:
        """The disk, an ext4 file system without partitions."""
        return self.folder / "disk"

    def emulator(self) -> tuple[list[str], dict[str, str]]:
        """The command of QEMU without its own options, and what must be in its environment."""
        root = self.folder / "emulator"
        libraries = root / "usr" / "lib" / "x86_64-linux-gnu"
        words = _through_loader(root, "usr/bin/qemu-system-x86_64")
        for data in ("qemu", "seabios"):
            words += ["-L", str(root / "usr" / "share" / data)]
        return words, {"QEMU_MODULE_DIR": str(libraries / "qemu")}


def ensure_image(progress: Progress) -> Image:
    """The machine, from the cache or made anew (a minute). Raises PreparationError."""
    if machine_architecture() != "amd64":
        raise PreparationError("Lines are tested on amd64 only.", "Leitungen werden nur auf amd64 geprüft.")
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    work = cache / f"lines-{os.getpid()}.half"
    shutil.rmtree(work, ignore_errors=True)
    try:
        apt = PrivateApt(work / "apt", mirror=machine_mirror(), suite=SUITE, architecture="amd64")
        apt.update(progress)
        archives = _archives(apt)
        gpio = gpio_library(apt, apt, "amd64", cross=False, progress=progress)
        folder = cache / f"lines-{_digest(archives, gpio.name)}"
        _forget_unused(cache, folder)
        if not (folder / "done").exists():
            _make(apt, archives, gpio, work / "image", progress)
            shutil.rmtree(folder, ignore_errors=True)
            (work / "image").rename(folder)
        (folder / "done").touch()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Image(folder)


def _forget_unused(cache: Path, wanted: Path) -> None:
    """Machines nobody has used for two weeks were made from packages and sources that have changed."""
    for done in cache.glob("lines-*/done"):
        if done.parent != wanted and time.time() - done.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(done.parent)


def _archives(apt: PrivateApt) -> dict[str, list[str]]:
    """For each tree the archives (with their versions) it is unpacked from."""
    guest = apt.archives_needed_by(_GUEST_PACKAGES)
    return {
        "guest": [name for name in guest if not _LEFT_OUT.fullmatch(name_of_archive(name))],
        "kernel": [n for n in apt.archives_needed_by(["linux-image-amd64"]) if _KERNEL.match(n)],
        "compiler": [n for n in apt.archives_needed_by(_COMPILER_PACKAGES) if not n.startswith("dkms_")],
        "emulator": [n for n in apt.archives_needed_by(_EMULATOR_PACKAGES) if not n.startswith("systemd")],
    }


def _digest(archives: dict[str, list[str]], gpio: str) -> str:
    seen = hashlib.sha256(f"{sorted(archives.items())} {gpio}".encode())
    for file in (Path(__file__), ROOT / "requirements.lock"):
        seen.update(file.read_bytes())
    return seen.hexdigest()[:12]


def _make(
    apt: PrivateApt, archives: dict[str, list[str]], gpio: Path, folder: Path, progress: Progress
) -> None:
    folder.mkdir()
    for tree, names in archives.items():
        waiting = folder / f"{tree}.archives"
        waiting.mkdir()
        _merged_root(folder / tree)
        packages = [name_of_archive(name) for name in names]
        unpack(apt.download(packages, waiting, progress), folder / tree, progress)
        waiting.rmdir()
    progress("compiling DAHDI", 0)
    version = next((folder / "kernel/usr/lib/modules").iterdir()).name
    built = _compile(folder / "compiler", version)
    progress("compiling DAHDI", 100)
    progress("writing the disk", 0)
    modules = _Modules([folder / "kernel", built])
    _write_first(folder, modules)
    shutil.copytree(gpio, folder / "guest/libraries")
    _finish_guest(folder / "guest", modules)
    shutil.copy(folder / f"kernel/usr/lib/modules/{version}/vmlinuz", folder / "vmlinuz")
    _run(
        *_through_loader(folder / "emulator", "usr/sbin/mke2fs"),
        *("-q", "-F", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0"),
        *("-d", str(folder / "guest"), str(folder / "disk"), f"{_IMAGE_MEGABYTES}M"),
    )
    for tree in ("guest", "kernel", "compiler"):
        shutil.rmtree(folder / tree)
    (folder / "done").touch()
    progress("writing the disk", 100)


def _merged_root(root: Path) -> None:
    """A tree in which /bin, /sbin and /lib are those of /usr, with the shell and awk scripts ask for."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    (root / "usr/bin/sh").symlink_to("bash")
    (root / "usr/bin/awk").symlink_to("mawk")
    for name in ("dev", "proc", "sys", "run", "tmp", "root"):
        (root / name).mkdir()


def _compile(root: Path, version: str) -> Path:
    """DAHDI's modules for this kernel; only those that are needed. Returns the folder they lie in."""
    source = next((root / "usr/src").glob("dahdi-*"))
    names = ("DAHDI", "DAHDI_DYNAMIC", "DAHDI_DYNAMIC_LOC", "DAHDI_ECHOCAN_MG2")
    wanted = " ".join(f"CONFIG_{name}=m" for name in names)
    inside = f"/usr/src/{source.name}"
    commands = (
        f"cd {inside}; DAHDIVERSION={source.name.partition('-')[2]} build_tools/make_version_h"
        " > include/dahdi/version.h;"
        f" make -j2 -C /usr/lib/modules/{version}/build M={inside}/drivers/dahdi"
        f" DAHDI_INCLUDE={inside}/include {wanted} modules"
    )
    _in_root(root, commands)
    return source / "drivers"


def _in_root(root: Path, commands: str) -> None:
    """Run commands in a tree as if it were the whole machine."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    _run("unshare", *user, "--mount", "sh", "-ec", _IN_ROOT, "sh", str(root), commands)


class _Modules:
    """Kernel modules found in some trees, and what each needs before it."""

    def __init__(self, trees: Iterable[Path]) -> None:
        self._files: dict[str, Path] = {}
        for tree in trees:
            for file in [*tree.rglob("*.ko"), *tree.rglob("*.ko.xz")]:
                self._files[file.name.partition(".")[0].replace("-", "_")] = file

    def content(self, name: str) -> bytes:
        """The module, unpacked."""
        data = self._files[name].read_bytes()
        return lzma.decompress(data) if self._files[name].suffix == ".xz" else data

    def in_order(self, names: Iterable[str]) -> dict[str, bytes]:
        """These modules and all they need, in the order they can be loaded; built-in ones are left out."""
        found: dict[str, bytes] = {}
        for name in names:
            if name not in self._files:
                continue
            content = self.content(name)
            needs = re.search(rb"(?:^|\0)depends=([^\0]*)\0", content)
            soft = re.findall(rb"\0softdep=pre: ([^\0]*)\0", content)
            before = (needs[1].decode().split(",") if needs else []) + [s.decode() for s in soft]
            found |= self.in_order(n.replace("-", "_") for n in before if n)
            found[name] = content
        return found


def _write_first(folder: Path, modules: _Modules) -> None:
    """The first system: busybox, the modules that find the disk, and a script."""
    busybox = (folder / "guest/usr/bin/busybox").read_bytes()
    files: dict[str, bytes | str | None] = dict.fromkeys(("bin", "dev", "proc", "disk", "modules"))
    files["bin/busybox"] = busybox
    for name in ("sh", "mount", "umount", "cat", "insmod", "switch_root", "echo"):
        files[f"bin/{name}"] = "busybox"
    found = modules.in_order(_MODULES_FIRST)
    for name, content in found.items():
        files[f"modules/{name}.ko"] = content
    files["modules/order"] = " ".join(found).encode()
    files["init"] = _FIRST_PROGRAM.encode()
    (folder / "first.cpio").write_bytes(b"".join(_cpio(files)))


def _cpio(files: dict[str, bytes | str | None]) -> Iterator[bytes]:
    """An archive as the kernel reads it (newc): bytes are files, text is a link, None a folder."""
    for number, (name, content) in enumerate([*files.items(), ("TRAILER!!!", b"")], start=1):
        mode = 0o040755 if content is None else 0o120777 if isinstance(content, str) else 0o100755
        data = b"" if content is None else content.encode() if isinstance(content, str) else content
        encoded = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        yield header + b"\0" * (-len(header) % 4)
        yield data + b"\0" * (-len(data) % 4)


def _finish_guest(root: Path, modules: _Modules) -> None:
    """Modules, libraries, and what the packages' scripts would have done."""
    for name in ("modules", "repository", "share", "etc/dahdi", "var/lib/asterisk"):
        (root / name).mkdir(parents=True, exist_ok=True)
    first = modules.in_order(_MODULES_FIRST)
    found = {n: c for n, c in modules.in_order((*_MODULES, *DAHDI_MODULES)).items() if n not in first}
    for name, content in found.items():
        (root / "modules" / f"{name}.ko").write_bytes(content)
    (root / "modules" / "order").write_text(" ".join(found))
    (root / "first").write_text(_SECOND_PROGRAM)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost lines\n")
    if not (root / "usr/bin/python3").exists():
        (root / "usr/bin/python3").symlink_to("python3.14")
    sounds = root / "usr/share/asterisk/sounds"
    for entry in sounds.iterdir():
        if not entry.exists():
            entry.unlink()
    if not (sounds / "en").exists():
        (sounds / "en").symlink_to("en_US_f_Allison")
    _copy_libraries(root)
    # An emulated processor is slow at this.
    compiled = "/usr/lib/python3.* /libraries"
    _in_root(root, f"PYTHONPYCACHEPREFIX={_COMPILED} python3 -m compileall -q -j 2 {compiled} || true")


def _copy_libraries(root: Path) -> None:
    """Our libraries for the guest's Python: those of .venv, and what is compiled, for its version."""
    target = root / "libraries"
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if _LIBRARIES_LEFT_OUT.fullmatch(entry.name):
            continue
        if entry.is_dir():
            shutil.copytree(entry, target / entry.name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        elif entry.suffix == ".py":
            shutil.copy(entry, target / entry.name)
    version = next((root / "usr/bin").glob("python3.*")).name.removeprefix("python")
    locked = (ROOT / "requirements.lock").read_text()
    compiled = re.findall(r"^(?:lameenc|argon2-cffi-bindings|cffi)==\S+", locked, re.MULTILINE)
    _run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)),
        *("--only-binary", ":all:", "--python-version", version, "--implementation", "cp"),
        *("--platform", "manylinux_2_28_x86_64", "--platform", "manylinux_2_26_x86_64"),
        *("--platform", "manylinux_2_17_x86_64", "--platform", "manylinux2014_x86_64", *compiled),
    )


def _through_loader(root: Path, program: str) -> list[str]:
    libraries = root / "usr/lib/x86_64-linux-gnu"
    loader = libraries / "ld-linux-x86-64.so.2"
    return [str(loader), "--library-path", str(libraries), str(root / program)]


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = f"{done.stdout}\n{done.stderr}".strip()[-1500:]
        raise PreparationError(f"{words[0]} failed:\n{said}", f"{words[0]} ging nicht:\n{said}")
