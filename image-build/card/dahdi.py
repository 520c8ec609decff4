"""Compiles the drivers of telephone cards, and what asks a Pi for its other system once; kept in the cache.

On this machine's processor for the box's: under emulation it takes more than twenty minutes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from appliance.telephony.debian_archive import PreparationError, PrivateApt, Progress, name_of_archive
from appliance.telephony.sandbox import cache_folder
from card.packages import Tools, fetched, unpack_into

_COMPILER = (
    *(
        "gcc-aarch64-linux-gnu",
        "binutils-aarch64-linux-gnu",
        "make",
        "bash",
        "coreutils",
        "sed",
        "grep",
        "mawk",
    ),
    *("findutils", "diffutils", "perl", "gcc", "libc6-dev", "pahole", "kmod", "xz-utils"),
)
TRYBOOT = Path(__file__).parent / "tryboot"
_IN_ROOT = 'mount --rbind /dev "$1/dev" && exec chroot "$1" /bin/bash -ec "$2"'


def card_drivers(apt: PrivateApt, on_the_card: list[str], tools: Tools, progress: Progress) -> Path:
    """A folder with DAHDI's modules for the kernel among these archives. Raises PreparationError."""
    version = next(found[1] for name in on_the_card if (found := re.match(r"linux-binary-(\d\S*?)_", name)))
    release = version.rsplit("-", 1)[0]
    needed = apt.archives_needed_by([f"linux-headers-{version}", "dahdi-dkms"])
    wanted = (f"linux-headers-{version}", f"linux-headers-{release}-common", "dahdi-dkms")
    foreign = [name for name in needed if name_of_archive(name) in wanted]
    native = tools.apt.archives_needed_by([*_COMPILER, f"linux-kbuild-{release}"])
    digest = hashlib.sha256(" ".join([*sorted(foreign + native), *_our_sources()]).encode())
    folder = cache_folder() / f"dahdi-{version}-{digest.hexdigest()[:8]}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            root = folder.with_suffix(".half")
            shutil.rmtree(root, ignore_errors=True)
            unpack_into(root, fetched(tools.apt, native, progress), progress)
            unpack_into(root, fetched(apt, foreign, progress), progress)
            progress("compiling DAHDI", 0)
            _compile(root, version)
            (root / "built").rename(folder)
            shutil.rmtree(root)
            progress("compiling DAHDI", 100)
    return folder


def _our_sources() -> list[str]:
    return [file.read_text() for file in (Path(__file__), *sorted(TRYBOOT.iterdir()))]


def _compile(root: Path, version: str) -> None:
    """Leaves all modules in `root`/built, with what only a debugger reads taken out."""
    for name in ("dev", "tmp", "built"):
        (root / name).mkdir(exist_ok=True)
    for link, target in (("sh", "bash"), ("awk", "mawk")):
        if not (root / "usr/bin" / link).exists():
            (root / "usr/bin" / link).symlink_to(target)
    source = next((root / "usr/src").glob("dahdi-*"))
    inside = f"/usr/src/{source.name}"
    shutil.copytree(TRYBOOT, root / "usr/src/tryboot")
    commands = (
        "export PATH=/usr/bin:/usr/sbin KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=image"
        " KBUILD_BUILD_HOST=image\n"
        f"cd {inside}; DAHDIVERSION={source.name.partition('-')[2]} build_tools/make_version_h"
        " > include/dahdi/version.h\n"
        f"make -j2 -C /usr/src/linux-headers-{version} M={inside}/drivers/dahdi"
        f" DAHDI_INCLUDE={inside}/include ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- DAHDI_BUILD_ALL=m"
        " modules\n"
        f"make -C /usr/src/linux-headers-{version} M=/usr/src/tryboot ARCH=arm64"
        " CROSS_COMPILE=aarch64-linux-gnu- modules\n"
        f"find {inside}/drivers /usr/src/tryboot -name '*.ko' -exec cp '{{}}' /built/ ';'\n"
        "aarch64-linux-gnu-strip --strip-debug /built/*.ko\n"
        "xz --check=crc32 /built/*.ko"
    )
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    done = subprocess.run(
        ["unshare", *user, "--mount", "sh", "-ec", _IN_ROOT, "sh", str(root), commands],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = f"{done.stdout}\n{done.stderr}".strip()[-2000:]
        raise PreparationError(f"DAHDI was not compiled:\n{said}", f"DAHDI war nicht zu übersetzen:\n{said}")
