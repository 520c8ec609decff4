"""The package for machines without our card, and its installer, without installing anything."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from card.debian_package import Package, write_package
from card.tree import REPOSITORY
from tests.image.debian_root import TOOLS, command, debian_root

INSTALL = REPOSITORY / "image-build/install.sh"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("package"))


def made(folder: Path) -> Path:
    """A package with a library that is none."""
    libraries = folder / "libraries"
    (libraries / "some_library").mkdir(parents=True)
    (libraries / "some_library/__init__.py").write_text("")
    target = folder / "freizeichen.deb"
    write_package(target, Package("amd64", "1.2.3", 1_764_000_000, packing=0), libraries, folder)
    return target


def told(*words: str | Path) -> str:
    return subprocess.run(["dpkg-deb", *words], capture_output=True, text=True, check=True).stdout


def test_the_package_says_what_it_needs(package: Path) -> None:
    assert told("-f", package, "Package", "Version", "Architecture").splitlines() == [
        *("Package: freizeichen", "Version: 1.2.3", "Architecture: amd64"),
    ]
    needs = told("-f", package, "Depends").strip().split(", ")
    assert {"asterisk", "asterisk-prompt-de", "libseccomp2", "python3 (>= 3.14)"} <= set(needs)
    assert not {"openssh-server", "nftables", "base-files"} & set(needs)


def test_what_belongs_to_the_whole_machine_is_left_alone(package: Path) -> None:
    files = {line.split()[5].removeprefix(".") for line in told("-c", package).splitlines()}
    for name in (
        *("/usr/bin/freizeichen", "/etc/systemd/system/asterisk.service"),
        *("/usr/lib/systemd/system/freizeichen.service", "/usr/lib/freizeichen/programs/appliance/cli.py"),
        *("/usr/lib/freizeichen/programs/some_library/__init__.py", "/usr/lib/freizeichen/prepare"),
        *("/usr/lib/sysusers.d/freizeichen.conf", "/usr/lib/tmpfiles.d/freizeichen.conf"),
    ):
        assert name in files
    foreign = ("/etc/nftables", "/etc/ssh", "/etc/hostname", "/usr/lib/systemd/network")
    slots = ("/usr/lib/systemd/system/freizeichen-update", "/usr/lib/systemd/system/freizeichen-trial")
    assert not [name for name in files if name.startswith((*foreign, *slots))]
    assert "/usr/lib/systemd/system/asterisk.service" not in files, "Debian's own has that name"


def test_everything_is_roots_and_nothing_runs_as_somebody_else(package: Path) -> None:
    for line in told("-c", package).splitlines():
        mode, owner = line.split()[:2]
        assert owner == "root/root"
        assert "s" not in mode
        assert mode[5] != "w"


def test_the_same_content_is_the_same_package(package: Path, tmp_path: Path) -> None:
    assert made(tmp_path).read_bytes() == package.read_bytes()


def test_systemd_finds_no_mistake_in_its_services(package: Path, tmp_path: Path) -> None:
    tools = debian_root(TOOLS)
    root = tmp_path / "root"
    subprocess.run(["cp", "-a", tools, root], check=True)
    subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    asterisk = root / "usr/sbin/asterisk"
    asterisk.write_text("#!/bin/sh\n")
    asterisk.chmod(0o755)
    units = ("asterisk.service", "freizeichen.service", "freizeichen-web.service")
    done = subprocess.run(
        [*command(tools, "usr/bin/systemd-analyze"), "--no-pager", "verify", f"--root={root}", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(
    "script", [INSTALL, *sorted((REPOSITORY / "image-build/package").iterdir())], ids=lambda file: file.name
)
def test_scripts_are_understood_by_a_plain_shell(script: Path) -> None:
    done = subprocess.run(["dash", "-n", script], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr


# The installer


def installed(
    folder: Path, system: str, *, user: int = 0, language: str = "de_DE.UTF-8"
) -> tuple[int, str, str]:
    """Status, what is said, and what apt-get was told, on a machine of this kind."""
    programs = folder / "bin"
    programs.mkdir()
    for name, does in (
        ("apt-get", f'echo "$*" >>{folder}/apt'),
        ("dpkg", "echo amd64"),
        ("id", f"echo {user}"),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)
    (folder / "os-release").write_text(system)
    script = folder / "install.sh"
    script.write_text(INSTALL.read_text())
    (folder / "apt").touch()
    done = subprocess.run(
        ["dash", script],
        capture_output=True,
        text=True,
        env={
            **{"PATH": f"{programs}:{os.environ['PATH']}", "LC_ALL": language},
            "SYSTEM_FILE": str(folder / "os-release"),
        },
        check=False,
    )
    return done.returncode, done.stderr, (folder / "apt").read_text()


FORKY = 'ID=debian\nVERSION_CODENAME=forky\nPRETTY_NAME="Debian GNU/Linux forky/sid"\n'


def test_the_newest_package_beside_it_is_installed(tmp_path: Path) -> None:
    for name in ("freizeichen_1.0_amd64.deb", "freizeichen_2.0_amd64.deb", "freizeichen_3.0_arm64.deb"):
        (tmp_path / name).touch()
    status, said, apt = installed(tmp_path, FORKY)
    assert status == 0
    assert "läuft" in said
    assert apt.splitlines() == [
        "update",
        f"install --yes --no-install-recommends {tmp_path}/freizeichen_2.0_amd64.deb",
    ]


@pytest.mark.parametrize("language", ["de_DE.UTF-8", "en_GB.UTF-8"])
@pytest.mark.parametrize(
    ("system", "user", "files", "word"),
    [
        (
            'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n',
            0,
            ["freizeichen_1_amd64.deb"],
            "Debian 12",
        ),
        ('ID=ubuntu\nVERSION_ID="14"\nPRETTY_NAME=Ubuntu\n', 0, ["freizeichen_1_amd64.deb"], "Ubuntu"),
        (FORKY, 0, ["freizeichen_1_arm64.deb"], "amd64"),
        (FORKY, 1000, ["freizeichen_1_amd64.deb"], "sudo sh install.sh"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_changed(
    tmp_path: Path, system: str, user: int, files: list[str], word: str, language: str
) -> None:
    for name in files:
        (tmp_path / name).touch()
    status, said, apt = installed(tmp_path, system, user=user, language=language)
    assert (status, apt) == (1, "")
    assert word in said
    assert ("Es wurde nichts geändert." if language.startswith("de") else "Nothing was changed.") in said
