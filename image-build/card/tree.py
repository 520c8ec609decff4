"""The root file system of the box: Debian's packages, our tree and programs over them, and what the packages'
scripts would have done."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from appliance.telephony.debian_archive import PreparationError
from card.packages import LIBRARIES, Tools, listed

REPOSITORY = Path(__file__).parents[2]
TREE = REPOSITORY / "image-build/root"
PROGRAMS = "usr/lib/freizeichen/programs"
_PACKAGES = ("appliance", "webui")
START = """\
#!/usr/bin/python3 -I
import sys
sys.path.insert(0, '/usr/lib/freizeichen/programs')
from appliance.cli import main
main()
"""

# Keys of ssh lie on the data partition, users and indexes are made here, nobody sits at the box. Without
# udev's database of hardware names every card still finds its driver.
_NOT_STARTED = (
    *("sshd-keygen.service", "systemd-sysusers.service", "ldconfig.service", "systemd-hwdb-update.service"),
    *("systemd-journal-catalog-update.service", "systemd-update-done.service", "systemd-logind.service"),
    *("systemd-logind-varlink.socket", "systemd-firstboot.service", "systemd-machine-id-commit.service"),
)
_DOCUMENTS = re.compile(r".*\.(a|la|pc|h|md5sum)")
_FOLDERS = (
    *("boot/firmware", "data", "dev", "etc/ssl/certs", "home", "mnt", "proc"),
    *("root", "run", "srv", "sys", "tmp", "var/lib/freizeichen", "var/lib/systemd"),
)


def tracked(*folders: str) -> list[str]:
    """The files of these folders that belong to the product, sorted."""
    done = subprocess.run(
        ["git", "ls-files", "-z", *folders], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return sorted(name for name in done.stdout.split("\0") if name and (REPOSITORY / name).exists())


def finish_tree(root: Path, version: str, epoch: int, signers: str, tools: Tools) -> None:
    """Make of the unpacked packages a system that starts; raises PreparationError.

    `version` is what os-release says, `signers` whose updates the box takes.
    """
    for name in _FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("appliance", "webui"):
        for file in tracked(name):
            copy(REPOSITORY / file, root / PROGRAMS / file)
    for file in tracked("image-build/root"):
        copy(REPOSITORY / file, root / Path(file).relative_to("image-build/root"))
    (root / "usr/lib/freizeichen/update-signers").write_text(signers)
    install_libraries(root / PROGRAMS)
    start = root / "usr/bin/freizeichen"
    start.write_text(START)
    start.chmod(0o755)
    _as_the_scripts_would(root, version, tools)
    _take_out(root)
    _compile_python(root, epoch, tools)
    for place in _everything(root):
        if not place.is_symlink():
            place.chmod(place.stat().st_mode & 0o755)  # no program runs as somebody else


def copy(source: Path, target: Path) -> None:
    """Copy a file or link, making the folders above it; it may be run if its source may."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)  # it may be a link of the package
    shutil.copy(source, target, follow_symlinks=False)
    if not target.is_symlink():
        target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def needed_libraries(machine: str = "aarch64") -> list[str]:
    """The paragraphs of requirements.lock that the box needs: what we depend on, not what tests do."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    paragraphs = {
        canonicalize_name(re.split(r"[=\s]", paragraph)[0]): paragraph
        for paragraph in re.split(r"\n(?=\S)", (REPOSITORY / "requirements.lock").read_text())
        if re.match(r"\w", paragraph)
    }
    needed, waiting = dict[str, str](), list[str](project["dependencies"])
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        on_the_box = {"extra": "", "platform_machine": machine, "python_version": "3.14"}
        if name in needed or (requirement.marker and not requirement.marker.evaluate(on_the_box)):
            continue
        needed[name] = paragraphs[name]
        waiting += metadata.requires(name) or []
    return [needed[name] for name in sorted(needed)]


def install_libraries(target: Path, machine: str = "aarch64") -> None:
    """Our Python libraries as locked, for the box's Python and a processor. Raises PreparationError."""
    lock = target.parent / "lock"
    target.mkdir(parents=True, exist_ok=True)
    lock.write_text("\n".join(needed_libraries(machine)) + "\n")
    platforms = [
        f"--platform=manylinux_2_{minor}_{machine}" for minor in (39, 35, 34, 31, 28, 27, 26, 24, 17)
    ]
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--no-compile",
                "--no-warn-conflicts",
            ),
            *("--only-binary=:all:", "--python-version=3.14", "--implementation=cp", *platforms),
            *(f"--platform=manylinux2014_{machine}", f"--target={target}", "--requirement", str(lock)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    lock.unlink()
    if done.returncode:
        said = done.stderr.strip()[-1000:]
        raise PreparationError(
            f"Python libraries could not be fetched:\n{said}",
            f"Python-Bibliotheken waren nicht zu bekommen:\n{said}",
        )
    for name in (
        "bin",
        *(folder.name for folder in target.glob("pip*")),
    ):  # sqlite-utils wants pip for a command
        shutil.rmtree(target / name, ignore_errors=True)


def _as_the_scripts_would(root: Path, version: str, tools: Tools) -> None:
    etc = root / "etc"
    if not (root / "usr/bin/python3").exists():
        (root / "usr/bin/python3").symlink_to("python3.14")
    shutil.copy(root / "usr/share/openssh/sshd_config", etc / "ssh/sshd_config")
    for folder in ("certs", "private"):
        (etc / "ssl" / folder).mkdir(parents=True, exist_ok=True)
    authorities = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    (etc / "ssl/certs/ca-certificates.crt").write_bytes(b"".join(file.read_bytes() for file in authorities))
    (etc / "hosts").write_text("127.0.0.1 localhost\n127.0.1.1 freizeichen\n::1 localhost ip6-localhost\n")
    (etc / "resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    (etc / "mtab").symlink_to("../proc/self/mounts")
    (etc / "machine-id").write_text("")  # the first program lays the box's own over it
    (etc / "fstab").write_text("# Everything is mounted by the first program (image-build/card/first).\n")
    (etc / "os-release").unlink(missing_ok=True)
    described = (root / "usr/lib/os-release").read_text()
    (etc / "os-release").write_text(f"{described}IMAGE_ID=freizeichen\nIMAGE_VERSION={version}\n")
    (root / "usr/lib/clock-epoch").write_text("")
    finish_as_scripts_would(root, tools)
    for name in _NOT_STARTED:
        (etc / "systemd/system" / name).symlink_to("/dev/null")


def finish_as_scripts_would(root: Path, tools: Tools) -> None:
    """Users, names, sounds and what starts by itself: what the scripts of any packages would have done."""
    etc = root / "etc"
    (root / "usr/bin/awk").symlink_to("mawk")
    for name in ("passwd", "group"):
        shutil.copy(root / f"usr/share/base-passwd/{name}.master", etc / name)
    shutil.copy(root / "usr/share/libc-bin/nsswitch.conf", etc / "nsswitch.conf")
    tools.run("systemd-sysusers", f"--root={root}", environment={"SOURCE_DATE_EPOCH": "0"})
    for name in ("passwd-", "group-", "shadow-", "gshadow-", ".pwd.lock"):
        (etc / name).unlink(missing_ok=True)
    _sounds(root / "usr/share/asterisk/sounds")
    tools.run("systemctl", f"--root={root}", "preset-all")
    for folder in ("etc", "var"):  # as new as /usr: nothing is to be brought up to date on the first start
        (root / folder / ".updated").write_text("")


def _sounds(folder: Path) -> None:
    """``en`` is the American voice, no link leads nowhere."""
    for entry in folder.iterdir():
        if not entry.exists():
            entry.unlink()
    if not (folder / "en").exists():
        (folder / "en").symlink_to("en_US_f_Allison")


def _take_out(root: Path) -> None:
    for name in listed(REPOSITORY / "image-build/taken-out"):
        shutil.rmtree(root / name, ignore_errors=True)
        if (root / name).is_file():
            (root / name).unlink()
    (root / "boot/firmware").mkdir(parents=True)
    for file in [*_everything(root / "usr/share/doc"), *_everything(root / "usr/lib")]:
        in_documents = file.is_relative_to(root / "usr/share/doc") and file.name != "copyright"
        if not file.is_dir() and (in_documents or _DOCUMENTS.fullmatch(file.name)):
            file.unlink()
    for folder in (root / f"usr/lib/{LIBRARIES}").glob("perl*"):
        shutil.rmtree(folder)
    for file in root.glob("usr/lib/modules/*/System.map"):
        file.unlink()
    for file in _everything(root / "usr/share/doc"):
        if file.is_symlink() and not file.exists():
            file.unlink()


def _compile_python(root: Path, epoch: int, tools: Tools) -> None:
    """Nothing can be written there later, and a Pi is slow at it.

    The bytecode is the same for every processor.
    """
    folders = [next((root / "usr/lib").glob("python3.*")), root / "usr/lib/python3", root / PROGRAMS]
    for tests in (folders[0] / "test", folders[0] / "idlelib"):
        shutil.rmtree(tests, ignore_errors=True)
    tools.run(
        folders[0].name,
        *("-I", "-m", "compileall", "-q", "-f", "--invalidation-mode=unchecked-hash", "-s", root, "-p", "/"),
        *(folder for folder in folders if folder.exists()),
        environment={
            "PYTHONHOME": str(tools.root / "usr"),
            "SOURCE_DATE_EPOCH": str(epoch),
            "PYTHONHASHSEED": "0",
        },
    )


def _everything(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            yield Path(place) / name
