"""The box's services under a real systemd, without a virtual machine: its root in namespaces of their own.

systemd is process 1 in there, so that everything the units say is in force: users, file systems, system
calls, devices, watchdog. The kernel and its hardware are this machine's; udev, networkd and the clock
are left out.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from appliance.settings import Settings, SipLine
from appliance.telephony.asterisk import end_with_parent
from appliance.telephony.sandbox import cache_folder
from tests.image.debian_root import TOOLS, TREE, command, debian_root

REPOSITORY = Path(__file__).parents[2]
_LEFT_OUT = {"openssh-server", "systemd-resolved", "systemd-timesyncd", "udev"}
_PACKAGES = tuple(
    line
    for line in (TREE.parent / "packages").read_text().splitlines()
    if not line.startswith("#") and line not in _LEFT_OUT
)
_NOT_HERE = ("systemd-udevd", "systemd-networkd", "systemd-firstboot", "getty.target", "dev-hugepages.mount")
_PATIENCE_SECONDS = 240.0

_BOOT = r"""
set -e
layer=$1 packages=$2 root=$3
shift 3
mount --make-rprivate /
mount -t tmpfs tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/box"
mount -t overlay overlay -o "lowerdir=$layer:$packages,upperdir=$root/upper,workdir=$root/work" "$root/box"
cd "$root/box"
mkdir -p old dev proc sys run tmp var/lib/freizeichen
mount -t tmpfs -o mode=0755 tmpfs var/lib/freizeichen # a file system of its own, as on the card
cp "$layer/var/lib/freizeichen/box.toml" var/lib/freizeichen/
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for folder in run tmp dev; do mount -t tmpfs tmpfs $folder; done
mknod -m 666 dev/null c 1 3; mknod -m 666 dev/zero c 1 5; mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8; mknod -m 666 dev/urandom c 1 9; mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm
mount -t devpts devpts dev/pts -o newinstance,ptmxmode=0666
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd
"$@" link set lo up
pivot_root . old
umount -l /old
systemd-sysusers
exec env -i container=test PATH=/usr/bin:/usr/sbin /usr/lib/systemd/systemd --unit=multi-user.target
"""


def runtime_libraries() -> Path:
    """A folder with the libraries of the box for its Python, as locked; compiled nothing, downloaded once."""
    lock = (REPOSITORY / "requirements.lock").read_text()
    folder = cache_folder() / f"libraries-{hashlib.sha256(lock.encode()).hexdigest()[:8]}"
    if folder.exists():
        return folder
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    needed, waiting = set[str](), list(project["dependencies"])
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        if name not in needed and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
            needed.add(name)
            waiting += metadata.requires(name) or []
    wanted = cache_folder() / f"{folder.name}-{os.getpid()}"
    wanted.mkdir(parents=True)
    chosen = [
        paragraph
        for paragraph in re.split(r"\n(?=\S)", lock)
        if canonicalize_name(re.split(r"[=\s]", paragraph)[0]) in needed
    ]
    (wanted / "lock").write_text("\n".join(chosen) + "\n")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--python-version=3.14"]
    subprocess.run(
        [*pip, "--only-binary=:all:", f"--target={wanted / 'site'}", "--requirement", str(wanted / "lock")],
        check=True,
        capture_output=True,
    )
    (wanted / "site").rename(folder)
    shutil.rmtree(wanted)
    return folder


def _lay_out_tree(layer: Path) -> None:
    """Our tree and our programs, as on the card."""
    shutil.copytree(TREE, layer, symlinks=True)
    programs = layer / "usr/lib/freizeichen/programs"
    shutil.copytree(runtime_libraries(), programs)
    for package in ("appliance", "webui"):
        shutil.copytree(
            REPOSITORY / package, programs / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    start = layer / "usr/bin/freizeichen"
    start.parent.mkdir(parents=True)
    start.write_text(
        "#!/usr/bin/python3 -I\nimport sys\nsys.path.insert(0, '/usr/lib/freizeichen/programs')\n"
        "from appliance.cli import main\nmain()\n"
    )
    start.chmod(0o755)


def lay_out(layer: Path, package: Path | None = None) -> None:
    """Make in `layer` what is laid over the packages: our tree or our package, and what starts by itself."""
    if package:
        layer.mkdir()
        subprocess.run(["dpkg-deb", "-x", package, layer], check=True)
        (layer / "usr/share/asterisk/sounds").mkdir(parents=True)
        # On a real machine Debian's alternatives make it.
        (layer / "usr/share/asterisk/sounds/en").symlink_to("en_US_f_Allison")
    else:
        _lay_out_tree(layer)
    enabled = layer / "etc/systemd/system/multi-user.target.wants"
    enabled.mkdir(parents=True)
    started = ["asterisk", "freizeichen", "freizeichen-web", *(() if package else ("nftables",))]
    for name in started:
        ours = layer / "etc/systemd/system" / f"{name}.service"
        folder = "etc" if ours.exists() else "usr/lib"
        (enabled / f"{name}.service").symlink_to(f"/{folder}/systemd/system/{name}.service")
    for name in ("asterisk", "freizeichen", "freizeichen-web", "freizeichen-prepare"):
        strict = layer / f"usr/lib/systemd/system/{name}.service.d/strict.conf"
        strict.parent.mkdir(parents=True)
        # Who makes a system call that is not allowed dies of it, so that no test goes on without noticing.
        strict.write_text("[Service]\nSystemCallErrorNumber=kill\n")
    for name in _NOT_HERE:
        unit = name if "." in name else f"{name}.service"
        (layer / "etc/systemd/system" / unit).symlink_to("/dev/null")
    (layer / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (layer / "etc/os-release").write_text("ID=debian\nNAME=Freizeichen\nIMAGE_VERSION=1\n")
    (layer / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (layer / "etc/group").write_text("root:x:0:\ndialout:x:20:\n")


class NotPossible(Exception):
    """This machine cannot run a systemd in namespaces; the message says why."""


class Booted:
    """The running box."""

    def __init__(self, folder: Path, *lines: SipLine, package: Path | None = None) -> None:
        kinds = ("--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net")
        separate = ["unshare", *kinds, "--fork", "--kill-child"]
        tried = subprocess.run(
            [*separate, "sh", "-c", "mount -t cgroup2 cgroup2 /mnt && mount -t tmpfs tmpfs /tmp"],
            capture_output=True,
            text=True,
            check=False,
        )
        if tried.returncode:
            raise NotPossible(tried.stderr.strip())
        layer, root = folder / "layer", folder / "root"
        lay_out(layer, package)
        Settings(layer / "var/lib/freizeichen", lines=lines).write()
        root.mkdir()
        ip = command(debian_root(TOOLS), "usr/bin/ip")
        # One box at a time: all would share the same control groups, and kill each other's services.
        self._alone = (cache_folder() / "booted.lock").open("w")
        fcntl.flock(self._alone, fcntl.LOCK_EX)
        self._log = (folder / "boot.log").open("wb")
        self._process = subprocess.Popen(
            [*separate, "bash", "-c", _BOOT, "boot", str(layer), str(debian_root(_PACKAGES)), str(root), *ip],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent,
            start_new_session=True,
        )
        self._file = folder / "boot.log"
        try:
            self._wait_until_started()
        except BaseException:
            self.close()
            raise

    def _wait_until_started(self) -> None:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        self.wait_for("systemd begins", lambda: children.read_text().split())
        self._first = children.read_text().split()[0]

        def is_up() -> bool:
            state = self.run("systemctl", "is-system-running", check=False).strip()
            return state in ("running", "degraded")

        self.wait_for("systemd has started everything", is_up)

    def run(self, *words: str, check: bool = True, given: str | None = None) -> str:
        """Run a program of the box in the box, as root; returns what it prints."""
        done = subprocess.run(
            ["nsenter", "--target", self._first, "--all", "env", "-i", "PATH=/usr/bin:/usr/sbin", *words],
            capture_output=True,
            text=True,
            input=given,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def shows(self, service: str, what: str) -> str:
        """A property of a service."""
        return self.run("systemctl", "show", "-P", what, service).strip()

    def journal(self, *words: str) -> str:
        """What was written to the journal."""
        return self.run("journalctl", "--no-pager", "-o", "short-monotonic", *words)

    def wait_for(self, what: str, look: Callable[[], object]) -> None:
        """Wait until `look` gives something. Raises AssertionError with the last words."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not look():
            if time.monotonic() > deadline or self._process.poll() is not None:
                words = self._file.read_text(errors="replace")[-2000:]
                if hasattr(self, "_first"):
                    words += self.run("journalctl", "--no-pager", "-n", "40", check=False)
                raise AssertionError(f"not within {_PATIENCE_SECONDS:g} s: {what}\n{words}")
            time.sleep(0.05)

    def close(self) -> None:
        """Switch it off."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()
        self._alone.close()
