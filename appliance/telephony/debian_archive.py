"""Fetches and unpacks Debian packages without root and without touching the machine's own apt."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[str, int], None]
"""Told what is being done and how much of it, in percent."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR_VARIABLE = "FREIZEICHEN_MIRROR"
_RELEASES = {
    *("bullseye", "bookworm", "trixie", "forky", "duke", "sid"),
    *("oldoldstable", "oldstable", "stable", "testing", "unstable"),
}


class PreparationError(Exception):
    """Something needed could not be made ready; one sentence says why and one what to do."""

    def __init__(self, english: str, german: str) -> None:
        super().__init__(english, german)
        self.english = english
        self.german = german

    def __str__(self) -> str:
        wanted = next((v for n in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := os.environ.get(n))), "")
        return self.german if wanted.startswith("de") else self.english


@dataclass(frozen=True, slots=True)
class Source:
    """One address of the machine's apt sources that holds binary packages."""

    address: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str


def one_line_sources(text: str) -> Iterator[Source]:
    """The sources in a ``sources.list`` (``deb [options] ADDRESS SUITE COMPONENT…``)."""
    for line in text.splitlines():
        found = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s+(\S+)([^#]*)", line)
        if found:
            options, address, suite, components = found.groups(default="")
            found_key = re.search(r"signed-by=(\S+)", options, re.IGNORECASE)
            key = found_key[1] if found_key else ""
            yield Source(address, (suite,), tuple(components.split()), key)


def deb822_sources(text: str) -> Iterator[Source]:
    """The sources in a ``*.sources`` file (paragraphs of ``Field: value``)."""
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for paragraph in re.split(r"\n\s*\n", uncommented):
        fields: dict[str, str] = {}
        for name, value in re.findall(r"^([\w-]+):(.*(?:\n[ \t].*)*)", paragraph, re.MULTILINE):
            fields[name.lower()] = value.strip()
        switched_off = fields.get("enabled", "yes").lower() in ("no", "false")
        if switched_off or "deb" not in fields.get("types", "").split():
            continue
        suites, components = fields.get("suites", ""), fields.get("components", "")
        for address in fields.get("uris", "").split():
            yield Source(
                address, tuple(suites.split()), tuple(components.split()), fields.get("signed-by", "")
            )


def debian_mirror(sources: Iterable[Source]) -> str | None:
    """The address of Debian's own archive among `sources`, or None.

    Other archives for Debian use the same release names, so one that is plainly Debian's
    (by its key or its path) goes before one that only looks like it, and one signed by
    somebody else is never taken.
    """
    likely = None
    for source in sources:
        if not _RELEASES.intersection(source.suites) or "main" not in source.components:
            continue
        address = source.address.rstrip("/")
        if "debian-archive" in source.signed_by or (not source.signed_by and address.endswith("/debian")):
            return address
        if not source.signed_by:
            likely = likely or address
    return likely


def machine_mirror(apt_folder: Path = Path("/etc/apt"), environment: Mapping[str, str] = os.environ) -> str:
    """The mirror to use: FREIZEICHEN_MIRROR, else the one this machine installs from.

    Raises PreparationError when neither names one.
    """
    if given := environment.get(MIRROR_VARIABLE, "").strip():
        return given.rstrip("/")
    parts = apt_folder / "sources.list.d"
    sources: list[Source] = []
    files = [apt_folder / "sources.list", *sorted(parts.glob("*.list")), *sorted(parts.glob("*.sources"))]
    for file in files:
        if file.is_file() and os.access(file, os.R_OK):
            read = deb822_sources if file.suffix == ".sources" else one_line_sources
            sources += read(file.read_text(errors="replace"))
    if mirror := debian_mirror(sources):
        return mirror
    raise PreparationError(
        f"No Debian mirror was found in this machine's apt sources."
        f" Set {MIRROR_VARIABLE} to the address of one.",
        f"In den apt-Quellen dieses Rechners steht kein Debian-Spiegel."
        f" Bitte {MIRROR_VARIABLE} auf die Adresse eines Spiegels setzen.",
    )


def machine_architecture() -> str:
    """Debian's name for this machine's architecture, such as ``amd64``.

    Raises PreparationError on a machine without apt and dpkg.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise PreparationError(
            "This machine has no apt, so Debian packages cannot be fetched. Use Debian 12 or later.",
            "Dieser Rechner hat kein apt, Debian-Pakete sind nicht zu bekommen."
            " Bitte Debian 12 oder neuer verwenden.",
        )
    return subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()


class PrivateApt:
    """An apt of our own: lists, cache and sources in `folder`, one suite of one mirror, its part `main`
    or the `components` named.

    It assumes that nothing is installed, so that what it fetches can stand alone. All
    methods raise PreparationError with apt's last words.
    """

    def __init__(
        self, folder: Path, *, mirror: str, suite: str, architecture: str, components: str = "main"
    ) -> None:
        if not KEYRING.exists():
            raise PreparationError(
                f"{KEYRING} is missing, so Debian packages cannot be checked."
                " Install the package debian-archive-keyring.",
                f"{KEYRING} fehlt, Debian-Pakete sind nicht prüfbar. Bitte das Paket debian-archive-keyring"
                " installieren.",
            )
        (folder / "lists" / "partial").mkdir(parents=True)
        (folder / "cache" / "archives" / "partial").mkdir(parents=True)
        (folder / "status").touch()
        sources = folder / "sources.list"
        sources.write_text(
            f"deb [arch={architecture} targets=Packages signed-by={KEYRING}] {mirror} {suite} {components}\n"
        )
        values = {
            "APT::Architecture": architecture,
            "APT::Install-Recommends": "false",
            "APT::Install-Suggests": "false",
            "APT::Sandbox::User": "root",  # root's own cache is closed to the user _apt
            "APT::Update::Error-Mode": "any",
            "Acquire::Check-Valid-Until": "false",  # testing's list ages on a mirror that stands still
            "Acquire::Languages": "none",
            "Acquire::PDiffs": "false",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "20",
            "Acquire::https::Timeout": "20",
            "Debug::NoLocking": "true",
            "Dir::Cache": f"{folder / 'cache'}",
            "Dir::Cache::pkgcache": "pkgcache.bin",  # three runs read it; container images switch it off
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::Etc::sourcelist": f"{sources}",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State": f"{folder}",
            "Dir::State::lists": f"{folder / 'lists'}",
            "Dir::State::status": f"{folder / 'status'}",
        }
        hooks = ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success")
        self._configuration = folder / "apt.conf"
        self._configuration.write_text(
            "".join(f'{name} "{value}";\n' for name, value in values.items())
            + "".join(f"#clear {hook};\n" for hook in hooks)
        )

    def update(self, progress: Progress) -> None:
        """Fetch the list of packages."""
        self._run(["update"], "reading Debian's list of packages", progress)

    def needed_by(self, packages: Iterable[str]) -> list[str]:
        """The names of `packages` and of everything they depend on."""
        return [name_of_archive(archive) for archive in self.archives_needed_by(packages)]

    def archives_needed_by(self, packages: Iterable[str]) -> list[str]:
        """The archives, with their versions, of `packages` and of everything they depend on."""
        printed = self._run(["install", "--yes", "--print-uris", *packages], "", lambda _step, _percent: None)
        lines = (line for line in printed.splitlines() if line.startswith("'"))
        return [line.split()[1] for line in lines]

    def download(self, packages: Iterable[str], target: Path, progress: Progress) -> list[Path]:
        """Fetch these packages, without what they depend on, into the folder `target`."""
        self._run(["download", *packages], "downloading packages", progress, folder=target)
        return sorted(target.glob("*.deb"))

    def _run(self, words: list[str], step: str, progress: Progress, folder: Path | None = None) -> str:
        reading, writing = os.pipe()
        command = [
            "apt-get",
            "-qq",
            "-c",
            str(self._configuration),
            "-o",
            f"APT::Status-Fd={writing}",
            *words,
        ]
        with (
            tempfile.TemporaryFile("w+") as errors,
            tempfile.TemporaryFile("w+") as answer,
            os.fdopen(reading, errors="replace") as states,
        ):
            try:
                apt = subprocess.Popen(
                    command,
                    cwd=folder,
                    env={**os.environ, "LC_ALL": "C.UTF-8"},
                    pass_fds=(writing,),
                    stdin=subprocess.DEVNULL,
                    stdout=answer,
                    stderr=errors,
                )
            finally:
                os.close(writing)
            with apt:
                if step:
                    progress(step, 0)
                for state in states:  # dlstatus:NUMBER:PERCENT:TEXT
                    kind, *values = state.split(":")
                    if kind == "dlstatus" and step:
                        progress(step, min(100, int(float(values[1]))))
            if apt.returncode:
                errors.seek(0)
                raise _unreachable(errors.read())
            if step:
                progress(step, 100)
            answer.seek(0)
            return answer.read()


def _unreachable(errors: str) -> PreparationError:
    said = [line[2:].strip() for line in errors.splitlines() if line.startswith("E:")] or ["?"]
    return PreparationError(
        f"Debian packages could not be fetched. Check the network,"
        f" or set {MIRROR_VARIABLE} to another mirror. (apt: {said[0]})",
        f"Debian-Pakete waren nicht zu bekommen. Bitte das Netz prüfen"
        f" oder {MIRROR_VARIABLE} auf einen anderen Spiegel setzen. (apt: {said[0]})",
    )


def name_of_archive(file_name: str) -> str:
    """``libssl3t64_3.6.5-1_amd64.deb`` -> ``libssl3t64``."""
    return file_name.partition("_")[0]


def unpack(archives: Iterable[Path], root: Path, progress: Progress) -> None:
    """Unpack every archive into `root`, without running its scripts; the archives are removed.

    Raises PreparationError, most likely because the disk is full.
    """

    def unpack_one(archive: Path) -> None:
        done = subprocess.run(["dpkg", "-x", archive, root], capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["?"])[-1]
            raise PreparationError(
                f"{archive.name} could not be unpacked. Is there room in {root.parent}? (dpkg: {said})",
                f"{archive.name} war nicht auszupacken. Ist in {root.parent} genug Platz? (dpkg: {said})",
            )
        archive.unlink()

    root.mkdir(exist_ok=True)
    waiting = list(archives)
    step = "unpacking packages"
    progress(step, 0)
    with ThreadPoolExecutor(max_workers=2) as workers:
        jobs = [workers.submit(unpack_one, archive) for archive in waiting]
        try:
            for count, job in enumerate(as_completed(jobs), start=1):
                job.result()
                progress(step, 100 * count // len(jobs))
        except BaseException:
            workers.shutdown(wait=True, cancel_futures=True)
            raise
