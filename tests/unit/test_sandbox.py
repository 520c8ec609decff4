"""The Asterisk sandbox: where packages come from, how it is run, and that a half-made one is never used."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.telephony import debian_archive, sandbox
from appliance.telephony.debian_archive import (
    PreparationError,
    PrivateApt,
    deb822_sources,
    debian_mirror,
    machine_mirror,
    name_of_archive,
    one_line_sources,
)
from appliance.telephony.modules import BOX_MODULES

DEBIAN_SOURCES = """\
# comes with the machine
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main non-free-firmware
# a comment within
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""

OTHER = "URIs: http://other.example/debian\nSuites: sid\nComponents: main"


def nothing_shown(_step: str, _percent: int) -> None:
    """Progress nobody looks at."""


# Where packages come from


@pytest.mark.parametrize(
    "text",
    [
        DEBIAN_SOURCES,
        DEBIAN_SOURCES.replace("Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n", ""),
        f"\n\nEnabled: no\nTypes: deb\n{OTHER}\n\n{DEBIAN_SOURCES}",
        f"Types: deb-src\n{OTHER}\n\n{DEBIAN_SOURCES}",
        DEBIAN_SOURCES.replace("URIs: ", "URIs:\n  "),
    ],
)
def test_mirror_of_deb822_sources(text: str) -> None:
    assert debian_mirror(deb822_sources(text)) == "http://mirror.example/debian"


@pytest.mark.parametrize(
    "text",
    [
        "deb http://mirror.example/debian bookworm main",
        "# deb http://old.example/debian sid main\ndeb http://mirror.example/debian/ sid main contrib # ours",
        "deb-src http://source.example/debian bookworm main\n  deb\thttp://mirror.example/debian  sid  main",
        "deb cdrom:[Debian GNU/Linux 12]/ bookworm main\ndeb http://mirror.example/debian bookworm main",
        "deb [ arch=amd64 signed-by=/k/debian-archive-keyring.gpg ] http://mirror.example/debian stable main",
        "deb http://m.example/debian-security sid-security main\ndeb http://mirror.example/debian sid main",
    ],
)
def test_mirror_of_one_line_sources(text: str) -> None:
    assert debian_mirror(one_line_sources(text)) == "http://mirror.example/debian"


def test_other_archives_are_not_taken_for_debian() -> None:
    text = """\
deb http://cloud.example/apt cloud-sdk-bookworm main
deb [signed-by=/usr/share/keyrings/vendor.gpg] http://vendor.example/debian bookworm main
deb http://containers.example/linux/debian bookworm stable
"""
    assert debian_mirror(one_line_sources(text)) is None


def test_a_mirror_of_unusual_name_is_taken_when_there_is_no_better_one() -> None:
    proxy = "deb http://proxy.example/repository/debian-proxy bookworm main\n"
    assert debian_mirror(one_line_sources(proxy)) == "http://proxy.example/repository/debian-proxy"
    plain = "deb http://mirror.example/debian bookworm main\n"
    assert debian_mirror(one_line_sources(proxy + plain)) == "http://mirror.example/debian"


def test_machine_mirror_reads_every_file_and_the_variable_goes_first(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("# see sources.list.d\n")
    (parts / "vendor.list").write_text("deb http://vendor.example/apt nodistro main\n")
    (parts / "debian.sources").write_text(DEBIAN_SOURCES)
    assert machine_mirror(tmp_path, {}) == "http://mirror.example/debian"
    assert (
        machine_mirror(tmp_path, {"FREIZEICHEN_MIRROR": " http://own.example/d/ "}) == "http://own.example/d"
    )


def test_no_mirror_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PreparationError) as failed:
        machine_mirror(tmp_path, {})
    assert "FREIZEICHEN_MIRROR" in failed.value.english
    assert "FREIZEICHEN_MIRROR" in failed.value.german


def test_no_apt_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PreparationError, match="Debian 12"):
        debian_archive.machine_architecture()


@pytest.mark.parametrize(
    ("variables", "german"),
    [({"LANG": "de_DE"}, True), ({"LANG": "de_DE", "LC_ALL": "C.UTF-8"}, False), ({}, False)],
)
def test_errors_speak_the_language_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], german: bool
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(PreparationError("in English", "auf Deutsch")) == ("auf Deutsch" if german else "in English")


def test_name_of_archive() -> None:
    assert name_of_archive("libssl3t64_3.6.5-1_amd64.deb") == "libssl3t64"
    assert name_of_archive("asterisk_1%3a22.10.1+dfsg-1_amd64.deb") == "asterisk"


# Asking apt


def fake_apt(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> PrivateApt:
    """A private apt whose ``apt-get`` is `script`; ``$STATUS`` is where it reports progress."""
    programs = folder / "bin"
    programs.mkdir()
    program = programs / "apt-get"
    program.write_text(
        f"#!/bin/sh\nfor word; do case $word in *Status-Fd=*) STATUS=${{word#*=}};; esac; done\n{script}\n"
    )
    program.chmod(0o755)
    keyring = folder / "keyring.gpg"
    keyring.touch()
    monkeypatch.setattr(debian_archive, "KEYRING", keyring)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    return PrivateApt(
        folder / "apt", mirror="http://mirror.example/debian", suite="forky", architecture="amd64"
    )


def test_apt_reports_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'printf "dlstatus:1:12.5:Retrieving file 1 of 8\\n" >/dev/fd/$STATUS; echo noise'
    seen: list[int] = []
    fake_apt(tmp_path, script, monkeypatch).update(lambda _step, percent: seen.append(percent))
    assert seen == [0, 12, 100]


def test_apt_names_everything_a_package_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """cat <<END
'http://mirror.example/debian/pool/a/asterisk_22_amd64.deb' asterisk_1%3a22_amd64.deb 5 SHA256:0
'http://mirror.example/debian/pool/l/libx1_1_amd64.deb' libx1_1_amd64.deb 5 SHA256:0
END"""
    assert fake_apt(tmp_path, script, monkeypatch).needed_by(["asterisk"]) == ["asterisk", "libx1"]


def test_apt_failing_says_why_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'echo "W: slow" >&2; echo "E: Failed to fetch: Connection refused" >&2; exit 100'
    with pytest.raises(PreparationError) as failed:
        fake_apt(tmp_path, script, monkeypatch).update(nothing_shown)
    for sentence in (failed.value.english, failed.value.german):
        assert "Connection refused" in sentence
        assert "FREIZEICHEN_MIRROR" in sentence
        assert "\n" not in sentence


def test_missing_keyring_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian_archive, "KEYRING", tmp_path / "missing.gpg")
    with pytest.raises(PreparationError, match="debian-archive-keyring"):
        PrivateApt(tmp_path / "apt", mirror="http://mirror.example", suite="forky", architecture="amd64")


# How it is run


@pytest.mark.parametrize(
    ("architecture", "loader"),
    [
        ("amd64", "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
        ("arm64", "usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1"),
    ],
)
def test_the_loader_follows_the_architecture(tmp_path: Path, architecture: str, loader: str) -> None:
    program = sandbox.sandbox_program(tmp_path, architecture, "22.10.1")
    libraries = str((tmp_path / loader).parent)
    binary = f"{tmp_path}/usr/sbin/asterisk"
    assert program.command == (f"{tmp_path}/{loader}", "--library-path", libraries, binary)
    assert program.modules == Path(libraries) / "asterisk" / "modules"


def test_an_unknown_architecture_is_named(tmp_path: Path) -> None:
    with pytest.raises(PreparationError, match=r"riscv64.*Install Asterisk 20"):
        sandbox.sandbox_program(tmp_path, "riscv64")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1\n", "22.10.1"),
        ("Asterisk certified/20.7-cert2", "20.7"),
        ("Asterisk certified-20.7-cert2", "20.7"),
        ("Asterisk 21", "21"),
    ],
)
def test_version(text: str, version: str) -> None:
    assert sandbox.parse_version(text) == version


@pytest.mark.parametrize("text", ["", "Asterisk GIT-master-1a2b", "asterisk: not found"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        sandbox.parse_version(text)


def test_directories_of_asterisk_conf() -> None:
    text = "[directories](!) ; remove the (!)\nastmoddir => /m ; here\n; astdatadir => /old\nastdatadir=/d\n"
    assert sandbox.parse_directories(text) == {"astmoddir": Path("/m"), "astdatadir": Path("/d")}


def install(folder: Path, says: str) -> tuple[str, Path]:
    """Put an Asterisk and its configuration into `folder`: its search path, its asterisk.conf."""
    binary = folder / "asterisk"
    binary.write_text(f"#!/bin/sh\necho '{says}'\n")
    binary.chmod(0o755)
    (folder / "modules").mkdir()
    for name in BOX_MODULES:
        (folder / "modules" / f"{name}.so").touch()
    (folder / "data" / "moh").mkdir(parents=True)
    for language in ("de", "en"):
        (folder / "data" / "sounds" / language).mkdir(parents=True)
    configuration = folder / "asterisk.conf"
    configuration.write_text(f"[directories]\nastmoddir => {folder}/modules\nastdatadir => {folder}/data\n")
    return str(folder), configuration


def test_an_installed_asterisk_is_used(tmp_path: Path) -> None:
    path, configuration = install(tmp_path, "Asterisk 20.1.0")
    program = sandbox.installed_asterisk(path, configuration)
    assert program == sandbox.AsteriskProgram(
        command=(str(tmp_path / "asterisk"),),
        modules=tmp_path / "modules",
        data=tmp_path / "data",
        sounds=tmp_path / "data" / "sounds",
        music=tmp_path / "data" / "moh",
        version="20.1.0",
    )


@pytest.mark.parametrize("says", ["Asterisk 18.26.4", "something else"])
def test_an_installed_asterisk_that_is_too_old_is_passed_over(tmp_path: Path, says: str) -> None:
    assert sandbox.installed_asterisk(*install(tmp_path, says)) is None


@pytest.mark.parametrize(
    "name", ["data/sounds/de", "data/sounds/en", "data/moh", "modules/app_queue.so", "modules/app_dial.so"]
)
def test_an_installed_asterisk_that_lacks_something_is_passed_over_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    path, configuration = install(tmp_path, "Asterisk 22.1.0")
    lacking = tmp_path / name
    if lacking.is_dir():
        lacking.rmdir()
    else:
        lacking.unlink()
    assert sandbox.installed_asterisk(path, configuration) is None
    told = "its modules" if "app_dial" in name else name.partition("/")[2]
    assert f"the installed Asterisk 22.1.0 is passed over, it lacks {told}" in caplog.text


def test_no_installed_asterisk(tmp_path: Path) -> None:
    assert sandbox.installed_asterisk(str(tmp_path)) is None


def test_cache_folder() -> None:
    assert sandbox.cache_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/freizeichen")
    assert sandbox.cache_folder({"XDG_CACHE_HOME": "relative"}) == Path.home() / ".cache" / "freizeichen"


# Making it


class Workshop:
    """Stands in for apt and dpkg: makes a sandbox of a few files and counts how often."""

    def __init__(self) -> None:
        self.made = 0
        self.breaks_with: BaseException | None = None
        self.asterisk_says = "Asterisk 22.10.1+dfsg"

    def needed_by(self, packages: Iterable[str]) -> list[str]:
        return [*packages, "libssl3t64", "perl-base", "libperl5.42"]

    def update(self, progress: debian_archive.Progress) -> None:
        progress("reading", 100)

    def download(
        self, packages: Iterable[str], target: Path, _progress: debian_archive.Progress
    ) -> list[Path]:
        return [target / f"{name}_1_amd64.deb" for name in packages]

    def unpack(self, archives: Iterable[Path], root: Path, _progress: debian_archive.Progress) -> None:
        self.made += 1
        assert [name_of_archive(file.name) for file in archives] == [*sandbox.PACKAGES, "libssl3t64"]
        program = sandbox.sandbox_program(root, "amd64")
        loader = Path(program.command[0])
        loader.parent.mkdir(parents=True)
        loader.write_text(f"#!/bin/sh\necho '{self.asterisk_says}'\n")
        loader.chmod(0o755)
        (program.sounds / "en_US_f_Allison").mkdir(parents=True)
        (program.sounds / "recordings").symlink_to("/nowhere/at/all")
        if self.breaks_with:
            raise self.breaks_with


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    made = Workshop()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sandbox, "installed_asterisk", lambda: None)
    monkeypatch.setattr(sandbox, "machine_architecture", lambda: "amd64")
    monkeypatch.setattr(sandbox, "machine_mirror", lambda: "http://mirror.example/debian")
    monkeypatch.setattr(sandbox, "PrivateApt", lambda *_folder, **_options: made)
    monkeypatch.setattr(sandbox, "unpack", made.unpack)
    return made


def test_it_is_made_once_and_then_found(workshop: Workshop, tmp_path: Path) -> None:
    assert sandbox.find_asterisk() is None
    program = sandbox.ensure_asterisk(nothing_shown)
    assert program.version == "22.10.1"
    assert (program.sounds / "en").resolve().name == "en_US_f_Allison"
    assert not (program.sounds / "recordings").is_symlink()
    assert sandbox.ensure_asterisk(nothing_shown) == sandbox.find_asterisk() == program
    assert workshop.made == 1
    left = {entry.suffix for entry in (tmp_path / "freizeichen").iterdir()}
    assert left == {"", ".lock"}


@pytest.mark.parametrize("reason", [PreparationError("full", "voll"), KeyboardInterrupt()])
def test_one_that_broke_off_is_not_used(workshop: Workshop, tmp_path: Path, reason: BaseException) -> None:
    workshop.breaks_with = reason
    with pytest.raises(type(reason)):
        sandbox.ensure_asterisk(nothing_shown)
    assert sandbox.find_asterisk() is None
    assert [entry.suffix for entry in (tmp_path / "freizeichen").iterdir()] == [".lock"]
    workshop.breaks_with = None
    assert sandbox.ensure_asterisk(nothing_shown) == sandbox.find_asterisk()


def test_one_that_was_killed_half_made_is_made_anew(workshop: Workshop, tmp_path: Path) -> None:
    folder = sandbox.sandbox_folder("amd64", tmp_path / "freizeichen")
    for place in (folder, folder.with_suffix(".half") / "root"):  # a power cut may leave either
        (place / "usr" / "sbin").mkdir(parents=True)
        (place / "usr" / "sbin" / "asterisk").touch()
    assert sandbox.find_asterisk() is None
    program = sandbox.ensure_asterisk(nothing_shown)
    assert sandbox.find_asterisk() == program
    assert not (folder / "usr" / "sbin" / "asterisk").exists()
    assert workshop.made == 1


def test_one_that_does_not_run_is_not_used(workshop: Workshop) -> None:
    workshop.asterisk_says = "wrong libraries"
    with pytest.raises(PreparationError, match="does not run"):
        sandbox.ensure_asterisk(nothing_shown)
    assert sandbox.find_asterisk() is None


def test_several_programs_at_once_make_one(workshop: Workshop) -> None:
    start = threading.Barrier(4)
    found: list[sandbox.AsteriskProgram] = []

    def ask() -> None:
        start.wait(10)
        found.append(sandbox.ensure_asterisk(nothing_shown))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 4
    assert len(set(found)) == 1
    assert workshop.made == 1


def test_a_full_disk_is_told_before_anything_is_fetched(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _path: usage._replace(free=sandbox.ROOM_NEEDED_BYTES - 1)
    )
    with pytest.raises(PreparationError, match=r"500 MB.*XDG_CACHE_HOME"):
        sandbox.ensure_asterisk(nothing_shown)
    assert workshop.made == 0


def test_an_unwritable_cache_says_what_to_do(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(PreparationError, match="XDG_CACHE_HOME"):
        sandbox.ensure_asterisk(nothing_shown)
    assert workshop.made == 0


# The command


def test_the_command_prints_where_it_is(workshop: Workshop, tmp_path: Path) -> None:
    answer = CliRunner().invoke(sandbox.main, ["--json"])
    assert answer.exit_code == 0
    told = json.loads(answer.stdout)
    assert told["version"] == "22.10.1"
    assert told["sounds"].startswith(str(tmp_path))
    assert "Asterisk: reading 100 %" in answer.stderr
    assert "Asterisk 22.10.1" in CliRunner().invoke(sandbox.main, []).stdout
    assert workshop.made == 1


def test_the_command_fails_with_one_sentence(workshop: Workshop) -> None:
    workshop.breaks_with = PreparationError("No room.", "Kein Platz.")
    answer = CliRunner(env={"LC_ALL": "C.UTF-8"}).invoke(sandbox.main, [])
    assert answer.exit_code == 1
    assert answer.stderr.splitlines()[-1] == "Error: No room."
