"""One Asterisk with a folder of its own: its rendered configuration, start, stop, questions."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import jinja2

from appliance.telephony.debian_archive import PreparationError
from appliance.telephony.sandbox import AsteriskProgram

_COMMON_TEMPLATES = Path(__file__).parent / "config" / "common"
_DIRECTORIES = ("etc", "lib", "db", "spool", "log")
_CONTROL_SOCKET = "asterisk.ctl"
_LONGEST_SOCKET_PATH = 107  # bytes: Linux gives a Unix socket's path 108, the last one is zero


class AsteriskError(Exception):
    """Asterisk did not start or did not answer; the message says what it wrote last."""


def templates_in(folder: Path) -> jinja2.Environment:
    """The templates of a folder."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # configuration, not pages; values are checked on import
    )


def render(templates: Path, values: Mapping[str, object]) -> dict[str, str]:
    """Render the templates (``*.conf.j2``) of a folder and those every Asterisk of ours shares.

    Returns file name -> text. Raises jinja2.UndefinedError for a value that is not given.
    """
    files = {}
    for folder in (_COMMON_TEMPLATES, templates):
        environment = templates_in(folder)
        for name in environment.list_templates(extensions=["j2"]):
            files[name.removesuffix(".j2")] = environment.get_template(name).render(values)
    return files


def write_configuration(etc: Path, files: Mapping[str, str]) -> list[str]:
    """Write those files that differ, each at once as a whole; returns the names written."""
    etc.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in files.items():
        target = etc / name
        if target.exists() and target.read_text() == text:
            continue
        beside = etc / f".{name}.new"
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "w") as file:
            file.write(text)
        beside.rename(target)
        changed.append(name)
    return changed


_CONSOLE_SECONDS = 15
_PRIORITY = -10  # nice value


def end_with_parent() -> None:
    """For ``Popen(preexec_fn=…)``: a simulated box must not outlive the program that started it,
    however that one ends. The kernel ends the child together with the *thread* that started it."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def run_folder(folder: Path) -> Path:
    """Where the Asterisk in `folder` has its control socket: in ``run``, or in a short folder of its
    own for a path so long that Asterisk would cut it off and not find the socket again.
    """
    if _fits_a_socket(folder / "run"):
        return folder / "run"
    digest = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"freizeichen-{os.geteuid()}-{digest}"


def _fits_a_socket(folder: Path) -> bool:
    return len(os.fsencode(folder / _CONTROL_SOCKET)) <= _LONGEST_SOCKET_PATH


def make_private_folder(folder: Path) -> None:
    """Make a folder in a place where everybody may write, or find the one made before.

    Raises PreparationError when it is somebody else's, open to others, or no folder (also a link).
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PreparationError(
            f"{folder} is not ours alone, so Asterisk does not start in it. Remove it.",
            f"{folder} gehört nicht uns allein, darum startet Asterisk nicht darin. Bitte entfernen.",
        )


class AsteriskInstance:
    """Runs one Asterisk in the foreground as our child, in `folder`.

    Several run side by side as long as their ports differ. Making and starting it raises
    PreparationError when there is no safe place for its control socket. Start it from a thread that
    lives as long as it should: the kernel ends it together with that thread.
    """

    def __init__(self, program: AsteriskProgram, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.run_folder = run_folder(folder)
        for name in _DIRECTORIES:
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._make_run_folder()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def configuration(self) -> Path:
        """The asterisk.conf everything else is found by."""
        return self.folder / "etc" / "asterisk.conf"

    @property
    def is_running(self) -> bool:
        """Whether the Asterisk that was started here has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def process_id(self) -> int:
        """The running Asterisk's process id. Raises AsteriskError when there is none."""
        if self._process is None:
            raise AsteriskError("Asterisk is not running")
        return self._process.pid

    def start(self, *, timeout_seconds: float = 20.0) -> None:
        """Start and return when fully booted. Raises AsteriskError with the last log lines."""
        self._make_run_folder()
        log = (self.folder / "log" / "console").open("ab")
        with log:
            self._process = subprocess.Popen(
                [*self.program.command, "-C", str(self.configuration), "-f", "-q"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                preexec_fn=end_with_parent,
                process_group=0,  # Ctrl-C is for the program that started it
            )
        with contextlib.suppress(PermissionError):  # sound goes first, where we may say so
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _PRIORITY)
        deadline = time.monotonic() + timeout_seconds
        while "fully booted" not in self.ask("core waitfullybooted"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AsteriskError(f"Asterisk did not start in {self.folder}:\n{self._last_words()}")
            time.sleep(0.02)

    def ask(self, command: str) -> str:
        """Run a console command and return what it prints ('' when nobody answers)."""
        try:
            answer = subprocess.run(
                [*self.program.command, "-C", str(self.configuration), "-rx", command],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_CONSOLE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return ""
        return answer.stdout

    def stop(self) -> None:
        """End it politely, or after five seconds at once."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self.kill()
        if self.run_folder.parent != self.folder:
            shutil.rmtree(self.run_folder, ignore_errors=True)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _make_run_folder(self) -> None:
        if self.run_folder.parent == self.folder:
            self.run_folder.mkdir(exist_ok=True)
            return
        if not _fits_a_socket(self.run_folder):
            raise PreparationError(
                f"The path {self.run_folder} is too long for Asterisk. Set TMPDIR to a shorter folder.",
                f"Der Pfad {self.run_folder} ist zu lang für Asterisk. Bitte TMPDIR kürzer wählen.",
            )
        make_private_folder(self.run_folder)

    def _last_words(self) -> str:
        words = []
        for name in ("console", "messages"):
            file = self.folder / "log" / name
            if file.exists():
                words += file.read_text(errors="replace").splitlines()[-15:]
        return "\n".join(words)
