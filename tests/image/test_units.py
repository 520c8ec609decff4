"""The box's services as systemd reads them: hardened, without a mistake, in the right order."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.settings import Settings
from tests.image.debian_root import TOOLS, TREE, command, debian_root

UNITS = TREE / "usr/lib/systemd/system"
HIGHEST = {
    "asterisk.service": 2.0,
    "freizeichen.service": 1.0,
    "freizeichen-web.service": 1.0,
    "freizeichen-prepare.service": 1.0,
}
# Those of root's: an update is written, a new system is chosen, a door is opened, the journal is copied.
OF_ROOT = {
    "freizeichen-journal.service": 2.0,
    "freizeichen-update.service": 5.0,
    "freizeichen-trial.service": 5.0,
    "freizeichen-address.service": 2.0,
    "freizeichen-go-back.service": 9.6,
    "freizeichen-ssh-door.service": 5.0,
}
OURS = [*HIGHEST, *OF_ROOT, "freizeichen-update.path"]


class Options(configparser.RawConfigParser):
    """A file in systemd's syntax; of an option given twice the values are joined."""

    def __init__(self, file: Path) -> None:
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#",), dict_type=dict)
        self.optionxform = str  # type: ignore[assignment,method-assign]
        section, seen = "", dict[tuple[str, str], list[str]]()
        for line in file.read_text().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif "=" in line and not line.startswith("#"):
                name, _, value = line.partition("=")
                seen.setdefault((section, name), []).append(value)
        for (part, name), values in seen.items():
            if not self.has_section(part):
                self.add_section(part)
            self.set(part, name, " ".join(values))


def unit(name: str) -> Options:
    return Options(UNITS / name)


@pytest.fixture(scope="session")
def tools() -> Path:
    return debian_root(TOOLS)


@pytest.fixture(scope="session")
def box(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages with our tree laid over them, as on the card; programs that are not here are stand-ins."""
    root = tmp_path_factory.mktemp("box") / "root"
    shutil.copytree(tools, root, symlinks=True)
    shutil.copytree(TREE, root, symlinks=True, dirs_exist_ok=True)
    for program in ("usr/sbin/asterisk", "usr/bin/freizeichen"):
        file = root / program
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    return root


def analyze(tools: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the box's own systemd-analyze."""
    return subprocess.run(
        [*command(tools, "usr/bin/systemd-analyze"), "--no-pager", *words],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"},
    )


def exposure(tools: Path, box: Path, name: str) -> float:
    """systemd's own figure for how much a service may do, 0 to 10."""
    done = analyze(tools, "security", "--offline=true", f"--root={box}", name)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


@pytest.mark.parametrize("name", HIGHEST)
def test_a_service_may_do_no_more_than_it_must(tools: Path, box: Path, name: str) -> None:
    assert exposure(tools, box, name) <= HIGHEST[name]


@pytest.mark.parametrize("name", OF_ROOT)
def test_what_must_be_root_may_do_little_else(tools: Path, box: Path, name: str) -> None:
    assert exposure(tools, box, name) <= OF_ROOT[name]


@pytest.mark.parametrize("line", ["NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict"])
def test_a_service_that_may_do_more_is_seen(tools: Path, box: Path, tmp_path: Path, line: str) -> None:
    looser = tmp_path / "root"
    shutil.copytree(box, looser, symlinks=True)
    file = looser / "usr/lib/systemd/system/freizeichen.service"
    text = file.read_text()
    assert f"\n{line}\n" in text
    file.write_text(text.replace(f"\n{line}\n", "\n"))
    assert exposure(tools, looser, "freizeichen.service") > HIGHEST["freizeichen.service"]


def test_systemd_finds_no_mistake(tools: Path, box: Path) -> None:
    done = analyze(tools, "verify", f"--root={box}", *OURS)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_mistake_is_found(tools: Path, box: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "root"
    shutil.copytree(box, wrong, symlinks=True)
    file = wrong / "usr/lib/systemd/system/freizeichen.service"
    file.write_text(file.read_text().replace("WatchdogSec=", "WatchDogSec="))
    assert "WatchDogSec" in analyze(tools, "verify", f"--root={wrong}", *OURS).stderr


def test_every_service_of_ours_is_looked_at() -> None:
    assert {file.name for file in UNITS.iterdir() if file.is_file()} == set(OURS)


# What is started, and when


@pytest.mark.parametrize("name", ["asterisk.service", "freizeichen.service", "freizeichen-web.service"])
def test_a_service_starts_by_itself_and_again_for_ever(name: str) -> None:
    service = unit(name)
    assert service["Unit"]["StartLimitIntervalSec"] == "0"
    assert service["Service"]["Restart"] == "always"
    assert float(service["Service"]["RestartSec"]) <= 1
    assert service["Install"]["WantedBy"] == "multi-user.target"
    assert f"enable {name}" in (TREE / "usr/lib/systemd/system-preset/50-freizeichen.preset").read_text()


def test_asterisk_waits_for_nobody() -> None:
    waits_for = " ".join(
        unit("asterisk.service")["Unit"].get(option, "")
        for option in ("After", "Requires", "Requisite", "BindsTo", "Wants")
    ).split()
    assert set(waits_for) == {"freizeichen-prepare.service"}
    # which is skipped once this version has prepared everything
    preparing = unit("freizeichen-prepare.service")["Service"]
    assert preparing["ExecStart"].split()[1:] == preparing["ExecCondition"].split()[1:]


def test_the_commands_that_are_started_exist() -> None:
    for name in HIGHEST:
        words = unit(name)["Service"]["ExecStart"].split()
        if words[0] == "/usr/bin/freizeichen":
            assert words[1] in main.commands
    assert "freizeichen prepare\n" in (TREE / "usr/lib/freizeichen/prepare").read_text()
    assert "prepare" in main.commands


def test_both_watchdogs_last_as_long_as_a_pi_can_count() -> None:
    manager = Options(TREE / "usr/lib/systemd/system.conf.d/50-watchdog.conf")["Manager"]
    for name in ("RuntimeWatchdogSec", "RebootWatchdogSec"):
        assert 5 <= int(manager[name].removesuffix("s")) <= 15


def test_the_journal_stays_in_memory() -> None:
    journal = Options(TREE / "usr/lib/systemd/journald.conf.d/50-in-memory.conf")["Journal"]
    assert journal["Storage"] == "volatile"
    assert int(journal["RuntimeMaxUse"].removesuffix("M")) <= 64


# Ports are the same wherever they stand


def test_ports_agree_with_the_settings() -> None:
    box = Settings(Path("/"))
    rules = (TREE / "etc/nftables.conf").read_text()
    web = unit("freizeichen-web.service")["Service"]
    port = re.search(r"--port (\d+)", web["ExecStart"])
    assert port
    assert web["SocketBindAllow"] == f"tcp:{port[1]}"
    assert f"elements = {{ {port[1]} }}" in rules
    last = box.rtp_ports.stop - 1
    assert f"elements = {{ {box.sip_port}, {box.rtp_ports.start}-{last}, 5353 }}" in rules
    assert rules.count(f"udp dport {box.sip_port} update") == 2
    assert unit("freizeichen.service")["Service"]["SocketBindAllow"] == f"ipv4:tcp:{box.fastagi_port}"
    lowest = re.search(
        r"ip_unprivileged_port_start = (\d+)", (TREE / "usr/lib/sysctl.d/50-freizeichen.conf").read_text()
    )
    assert lowest
    assert int(lowest[1]) <= int(port[1])


# ssh


def test_ssh_runs_only_where_a_key_was_given(tools: Path, tmp_path: Path) -> None:
    key = tmp_path / "authorized_keys"
    drop_in = UNITS / "ssh.service.d/50-key.conf"
    for file in (drop_in, UNITS / "freizeichen-ssh-door.service"):
        condition = "ConditionFileNotEmpty=" + Options(file)["Unit"]["ConditionFileNotEmpty"]
        assert condition.endswith("/boot/firmware/authorized_keys")
        asked = condition.replace("/boot/firmware/authorized_keys", str(key))
        key.unlink(missing_ok=True)
        assert analyze(tools, "condition", asked).returncode == 1
        key.touch()
        assert analyze(tools, "condition", asked).returncode == 1
        key.write_text("ssh-ed25519 AAAA installer\n")
        assert analyze(tools, "condition", asked).returncode == 0


def test_ssh_takes_no_password() -> None:
    settings = (TREE / "etc/ssh/sshd_config.d/50-freizeichen.conf").read_text().splitlines()
    for line in ("PasswordAuthentication no", "KbdInteractiveAuthentication no"):
        assert line in settings


# Who the programs run as, and what they find


def test_people_and_folders_are_made(tools: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give folders to other users")
    shutil.copytree(TREE, tmp_path, symlinks=True, dirs_exist_ok=True)
    (tmp_path / "etc/group").write_text("root:x:0:\ndialout:x:20:\n")
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    for program in ("systemd-sysusers", "systemd-tmpfiles --create --prefix=/var/lib/freizeichen"):
        words = program.split()
        done = subprocess.run(
            [*command(tools, f"usr/bin/{words[0]}"), f"--root={tmp_path}", *words[1:]],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "valid" not in done.stderr
    people = dict(re.findall(r"^([\w-]+):x:(\d+):", (tmp_path / "etc/passwd").read_text(), re.MULTILINE))
    groups = dict(re.findall(r"^([\w-]+):\w*:(\d+):", (tmp_path / "etc/group").read_text(), re.MULTILINE))
    members = dict(re.findall(r"^([\w-]+):\w*:\d+:(.*)$", (tmp_path / "etc/group").read_text(), re.MULTILINE))
    assert (people["asterisk"], people["freizeichen"], people["freizeichen-web"]) == ("701", "702", "703")
    assert members["hotline"].split(",") == ["asterisk", "freizeichen", "freizeichen-web"]
    assert "freizeichen-web" not in "".join(members[name] for name in ("asterisk", "gpio", "dialout"))
    state = tmp_path / "var/lib/freizeichen"
    found = {
        str(path.relative_to(state)): (
            path.stat().st_uid,
            path.stat().st_gid,
            stat.S_IMODE(path.stat().st_mode),
        )
        for path in [state, *state.rglob("*")]
    }
    hotline = int(groups["hotline"])
    assert found["."] == (702, hotline, 0o2770)
    assert found["freizeichen.db"] == (702, hotline, 0o660)
    assert found["asterisk"] == (702, 701, 0o2750)  # closed to the page
    assert found["asterisk/etc"] == (702, 701, 0o2750)  # read-only for Asterisk
    assert found["asterisk/log"] == (701, 701, 0o2770)
    assert found["asterisk/db/astdb.sqlite3"] == (701, 701, 0o660)  # both may write
    assert found["spool/recordings"] == (702, hotline, 0o2770)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"whole\n", b"whole\n"),
        (b"whole\nto", b"whole\nto\n"),
        (b"to\0rn\xff", b"to\0rn\xff\n"),
    ],
)
def test_a_torn_line_is_ended_in_place(before: bytes, after: bytes, tmp_path: Path) -> None:
    file = tmp_path / "call-records.csv"
    file.write_bytes(before)
    inode = file.stat().st_ino
    subprocess.run([TREE / "usr/lib/freizeichen/end-torn-line", file], check=True)
    assert (file.read_bytes(), file.stat().st_ino) == (after, inode)


def test_no_records_yet_is_no_error(tmp_path: Path) -> None:
    subprocess.run([TREE / "usr/lib/freizeichen/end-torn-line", tmp_path / "nothing"], check=True)
    assert not (tmp_path / "nothing").exists()


def test_everything_is_prepared_once_for_each_version_and_each_settings_of_the_box(tmp_path: Path) -> None:
    programs, state = tmp_path / "programs", tmp_path / "state"
    for folder in (programs, state):
        folder.mkdir()
    mark, settings = state / "prepared-2", tmp_path / "box.toml"
    (state / "prepared-1").touch()

    def starts(status: int = 0) -> bool:
        """Whether it is prepared at this start, with a program that ends so."""
        program = programs / "freizeichen"
        program.write_text(f'#!/bin/sh\n[ "$*" = prepare ] && exit {status}\n')
        program.chmod(0o755)
        is_unprepared, prepare = (
            [TREE / "usr/lib/freizeichen" / name, mark, settings] for name in ("is-unprepared", "prepare")
        )
        if subprocess.run(is_unprepared, check=False).returncode:
            return False
        environment = {"PATH": f"{programs}:/usr/bin:/bin"}
        assert subprocess.run(prepare, env=environment, check=False).returncode == status
        assert [file.name for file in state.iterdir()] == (["prepared-2"] if status == 0 else [])
        return True

    assert starts(1)
    assert starts()
    assert not starts()
    settings.write_text("sip_port = 5060\n")
    assert starts(1)
    assert starts()
    assert not starts()
    settings.write_text("sip_port = 5070\n")
    assert starts()
    settings.unlink()
    assert starts()
    assert not starts()
