"""Finds the Asterisk of this machine, or unpacks one from Debian into a cache folder, without root."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from appliance.telephony.debian_archive import (
    PreparationError,
    PrivateApt,
    Progress,
    machine_architecture,
    machine_mirror,
    unpack,
)
from appliance.telephony.modules import BOX_MODULES

log = logging.getLogger(__name__)

SUITE = "forky"
PACKAGES = ("asterisk", "asterisk-prompt-de", "asterisk-core-sounds-en-gsm", "asterisk-moh-opsound-gsm")
OLDEST_VERSION = 20
ROOM_NEEDED_BYTES = 500_000_000

# Nearly half of the download serves the installing of packages, which we do not do, or modules
# we never load: res_snmp, res_calendar_* (ICU), codec_codec2, res_http_post, cdr_tds.
_LEFT_OUT = re.compile(
    r"adduser|base-passwd|debconf|dirmngr|freetds-common|gnupg.*|gpg.*|libc-gconv-modules-extra|libcodec2-.*"
    r"|libdebconfclient.*|libicu\d+|libnpth.*|libpam.*|libperl.*|libsemanage.*|libsensors.*|libsepol.*|libsnmp.*"
    r"|libsybdb.*|login\.defs|passwd|pci\.ids|perl-.*|pinentry-.*|readline-common|tzdata"
)

LOADERS = {
    "amd64": ("x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "arm64": ("aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}


@dataclass(frozen=True, slots=True)
class AsteriskProgram:
    """How to start Asterisk, and where its read-only parts lie."""

    command: tuple[str, ...]
    """What to put before Asterisk's own options."""
    modules: Path
    """``astmoddir``"""
    data: Path
    """``astdatadir``"""
    sounds: Path
    """Holds the spoken languages: ``de`` and ``en``."""
    music: Path
    """Music on hold."""
    version: str


def parse_version(text: str) -> str:
    """``Asterisk 22.10.1+dfsg+…`` -> ``22.10.1``. Raises ValueError for anything else."""
    if found := re.match(r"Asterisk (?:certified[/-])?(\d+(?:\.\d+)*)", text):
        return found[1]
    raise ValueError(f"not a version of Asterisk: {text[:80]!r}")


def parse_directories(configuration: str) -> dict[str, Path]:
    """The ``[directories]`` of an asterisk.conf."""
    found = re.findall(r"^\s*(ast\w+dir)\s*=>?\s*([^\s;]+)", configuration, re.MULTILINE)
    return {name: Path(value) for name, value in found}


def _version(command: tuple[str, ...]) -> str:
    """Ask the program itself. Raises OSError, subprocess.SubprocessError or ValueError."""
    answer = subprocess.run([*command, "-V"], capture_output=True, text=True, timeout=20, check=True)
    return parse_version(answer.stdout)


def installed_asterisk(
    search_path: str | None = None, configuration: Path = Path("/etc/asterisk/asterisk.conf")
) -> AsteriskProgram | None:
    """The Asterisk installed on this machine, or None when there is none we can use.

    We need version 20 or later with every module of the box, the German and the English voice, and
    music. What is lacking goes to the log.
    """
    usual_path = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin"
    binary = shutil.which("asterisk", path=search_path or usual_path)
    if binary is None:
        return None
    try:
        version = _version((binary,))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    if int(version.split(".")[0]) < OLDEST_VERSION:
        return None
    readable = configuration.is_file() and os.access(configuration, os.R_OK)
    given = parse_directories(configuration.read_text(errors="replace") if readable else "")
    libraries = sorted(Path("/usr/lib").glob("*-linux-gnu/asterisk/modules"))
    libraries.append(Path("/usr/lib/asterisk/modules"))
    modules = _first_with("app_dial.so", [given.get("astmoddir"), *libraries])
    shares = (Path("/usr/share/asterisk"), Path("/var/lib/asterisk"))
    data = _first_with("sounds", [given.get("astdatadir"), *shares])
    lacking = _lacking(modules, data)
    if modules is None or data is None or lacking:
        log.warning("the installed Asterisk %s is passed over, it lacks %s", version, ", ".join(lacking))
        return None
    return AsteriskProgram((binary,), modules, data, data / "sounds", data / "moh", version)


def _lacking(modules: Path | None, data: Path | None) -> list[str]:
    """What these folders do not have of what we need, as names to look for in packages."""
    lacking = ["its modules"] if modules is None else []
    lacking += [f"{name}.so" for name in BOX_MODULES if modules and not (modules / f"{name}.so").exists()]
    voices_and_music = ("sounds/de", "sounds/en", "moh")
    return lacking + [name for name in voices_and_music if data is None or not (data / name).is_dir()]


def _first_with(name: str, folders: list[Path | None]) -> Path | None:
    return next((folder for folder in folders if folder and (folder / name).exists()), None)


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """``$XDG_CACHE_HOME/freizeichen``, by default ``~/.cache/freizeichen``."""
    base = environment.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "freizeichen"


def sandbox_folder(architecture: str, cache: Path) -> Path:
    """Where the sandbox for this architecture lies; another list of packages is another folder."""
    packages = hashlib.sha256(f"{PACKAGES} {_LEFT_OUT.pattern}".encode()).hexdigest()[:8]
    return cache / f"asterisk-{SUITE}-{architecture}-{packages}"


def sandbox_program(root: Path, architecture: str, version: str = "") -> AsteriskProgram:
    """How to run the Asterisk unpacked in `root`: through the loader and libraries beside it.

    Raises PreparationError for an architecture we know no loader of.
    """
    if architecture not in LOADERS:
        known = ", ".join(LOADERS)
        raise PreparationError(
            f"Asterisk cannot be unpacked for {architecture}, only for {known}."
            " Install Asterisk 20 or later.",
            f"Asterisk ist für {architecture} nicht auspackbar, nur für {known}."
            " Bitte Asterisk 20 oder neuer installieren.",
        )
    triplet, loader = LOADERS[architecture]
    libraries = root / "usr" / "lib" / triplet
    data = root / "usr" / "share" / "asterisk"
    return AsteriskProgram(
        command=(
            f"{libraries / loader}",
            "--library-path",
            f"{libraries}",
            f"{root / 'usr' / 'sbin' / 'asterisk'}",
        ),
        modules=libraries / "asterisk" / "modules",
        data=data,
        sounds=data / "sounds",
        music=data / "moh",
        version=version,
    )


def cached_asterisk(folder: Path, architecture: str) -> AsteriskProgram | None:
    """The finished sandbox in `folder`, or None."""
    try:
        made = json.loads((folder / "sandbox.json").read_text())
    except (OSError, ValueError):
        return None
    return sandbox_program(folder, architecture, made["version"])


def find_asterisk() -> AsteriskProgram | None:
    """The Asterisk to use: the installed one, else a sandbox made before, else None."""
    if program := installed_asterisk():
        return program
    if shutil.which("dpkg") is None:
        return None
    architecture = machine_architecture()
    return cached_asterisk(sandbox_folder(architecture, cache_folder()), architecture)


def ensure_asterisk(progress: Progress) -> AsteriskProgram:
    """The Asterisk to use; makes the sandbox when there is none (10 s, 45 MB to download).

    Several programs may ask at once: one makes it, the others wait for it. Raises
    PreparationError with what to do.
    """
    if program := find_asterisk():
        return program
    architecture = machine_architecture()
    cache = cache_folder()
    folder = sandbox_folder(architecture, cache)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_suffix(".lock"), progress):
            return cached_asterisk(folder, architecture) or _make(folder, architecture, progress)
    except OSError as error:
        raise PreparationError(
            f"The Asterisk sandbox cannot be written: {error}. Set XDG_CACHE_HOME to another folder.",
            f"Die Asterisk-Umgebung ist nicht zu schreiben: {error}."
            " Bitte XDG_CACHE_HOME auf einen anderen Ordner setzen.",
        ) from error


def _make(folder: Path, architecture: str, progress: Progress) -> AsteriskProgram:
    """Make the sandbox beside its place and move it there when it is known to run."""
    beside = folder.with_suffix(".half")
    if beside.exists():  # whoever made it was cut off
        shutil.rmtree(beside)
    program = sandbox_program(beside / "root", architecture)
    if shutil.disk_usage(folder.parent).free < ROOM_NEEDED_BYTES:
        megabytes = ROOM_NEEDED_BYTES // 1_000_000
        raise PreparationError(
            f"Less than {megabytes} MB are free in {folder.parent}."
            " Make room, or set XDG_CACHE_HOME to another folder.",
            f"In {folder.parent} sind keine {megabytes} MB frei."
            " Bitte Platz schaffen oder XDG_CACHE_HOME auf einen anderen Ordner setzen.",
        )
    try:
        apt = PrivateApt(beside / "apt", mirror=machine_mirror(), suite=SUITE, architecture=architecture)
        apt.update(progress)
        packages = [name for name in apt.needed_by(PACKAGES) if not _LEFT_OUT.fullmatch(name)]
        archives = beside / "archives"
        archives.mkdir(parents=True)
        root = beside / "root"
        unpack(apt.download(packages, archives, progress), root, progress)
        _finish_sounds(program.sounds)
        try:
            version = _version(program.command)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise PreparationError(
                f"The unpacked Asterisk does not run ({error}). Try again later or with another mirror.",
                f"Das ausgepackte Asterisk läuft nicht ({error})."
                " Bitte später oder mit einem anderen Spiegel versuchen.",
            ) from error
        made = {"version": version, "packages": packages}
        (root / "sandbox.json").write_text(json.dumps(made, indent=1) + "\n")
        if folder.exists():  # its mark is missing, or we would not be here
            shutil.rmtree(folder)
        root.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return sandbox_program(folder, architecture, version)


def _finish_sounds(sounds: Path) -> None:
    """Do what the packages' scripts would have: ``en`` is the American voice, no link leads nowhere."""
    for entry in sounds.iterdir():
        if not entry.exists():
            entry.unlink()
    if not (sounds / "en").exists():
        (sounds / "en").symlink_to("en_US_f_Allison")


@contextmanager
def locked(file: Path, progress: Progress) -> Iterator[None]:
    """Hold this file's lock; another program that has it is waited for."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another program that is preparing it", 0)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def shown_progress(title: str = "Asterisk") -> Iterator[Progress]:
    """Progress for people, on standard error: a moving bar on a terminal, else a line per step."""
    if not sys.stderr.isatty():
        last = ("", -1)

        def line(step: str, percent: int) -> None:
            nonlocal last
            quarter = percent // 25
            if (step, quarter) != last:
                last = (step, quarter)
                print(f"{title}: {step} {percent} %", file=sys.stderr, flush=True)

        yield line
        return
    # The supervisor reaches this module, but never this line: it starts and lives without what is drawn with.
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(title, total=100)
        yield lambda step, percent: bars.update(task, description=f"{title}: {step}", completed=percent)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def main(as_json: bool) -> None:
    """Print the Asterisk to use on this machine; fetch it from Debian when there is none."""
    try:
        with shown_progress() as progress:
            program = ensure_asterisk(progress)
    except PreparationError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(asdict(program), default=str))
        return
    click.echo(f"Asterisk {program.version}")
    click.echo(f"  command  {' '.join(program.command)}")
    for name in ("modules", "data", "sounds", "music"):
        click.echo(f"  {name:8} {getattr(program, name)}")


if __name__ == "__main__":
    main()
