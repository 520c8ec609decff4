"""Updates without a machine: what is taken and what is refused, what is written where, who starts next."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance import update_command
from appliance.cli import main
from appliance.settings import Settings
from appliance.status import look, troubles
from appliance.store.database import open_store
from appliance.updating import install as installing
from appliance.updating import slots as card
from appliance.updating.install import command_line_for, install
from appliance.updating.progress import UpdateState, folder_in, read_state, take_wish, wish_for, write_state
from appliance.updating.trial import TRIAL_SECONDS, proves_itself
from appliance.updating.update_file import (
    NAMESPACE,
    SIGNER,
    ThisBox,
    UpdateError,
    checked_update,
    manifest_of,
    write_update,
)
from card.boot_files import boards_of, command_line
from card.tree import REPOSITORY
from card.update import start_archive
from tests.image.debian_root import command, debian_root

BOARD = "raspberrypi,4-model-b"
SYSTEM = bytes(range(256)) * 9000  # more than two pieces
FOLDER = {"vmlinuz": b"kernel", "overlays/README": b"", "cmdline.txt": command_line("a").encode()}
STEPS = ("m001_office", "m002_state")
CALLBACK = (
    "INSERT INTO callbacks (call, department, language, number, name, ticket, arrived, created_at,"
    " next_attempt_at, state) VALUES ('1', 'support', 'de', '+49931', '', '', '', '', '', '{}')"
)
LAMPS = (
    "INSERT INTO lamps VALUES ('supervisor', 'green', '2026-01-01T11:59:58.000Z'),"
    " ('{}', '{}', '2026-01-01T11:00:00.000Z')"
)


@pytest.fixture(scope="session")
def keygen() -> list[str]:
    return command(debian_root(("openssh-client",)), "usr/bin/ssh-keygen")


@dataclass
class Signer:
    """Somebody with a key."""

    folder: Path
    keygen: list[str]
    box: ThisBox = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.key = self.folder / "key"
        subprocess.run([*self.keygen, "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        signers = self.folder / "signers"
        kind, public, *_ = self.key.with_suffix(".pub").read_text().split()
        signers.write_text(f'{SIGNER} namespaces="{NAMESPACE}" {kind} {public}\n')
        self.box = ThisBox([BOARD, "brcm,bcm2711"], ["m001_office"], len(SYSTEM), signers, self.keygen)

    def signature(self, text: bytes, namespace: str) -> bytes:
        """Of this text."""
        done = subprocess.run(
            [*self.keygen, "-q", "-Y", "sign", "-f", self.key, "-n", namespace],
            input=text,
            capture_output=True,
            check=True,
        )
        return done.stdout

    def update(
        self,
        target: Path,
        boards: tuple[str, ...] = (BOARD,),
        steps: tuple[str, ...] = STEPS,
        namespace: str = NAMESPACE,
    ) -> Path:
        """A signed update at `target`."""
        parts = [self.folder / "system", self.folder / "start"]
        parts[0].write_bytes(SYSTEM)
        parts[1].write_bytes(start_archive(FOLDER, 0))
        manifest = manifest_of("2.0-abc", boards, steps, parts)
        with target.open("wb") as stream:
            write_update(stream, manifest, self.signature(manifest, namespace), parts, 0)
        return target


@pytest.fixture
def signer(tmp_path: Path, keygen: list[str]) -> Signer:
    return Signer(tmp_path / "signer", keygen)


def refused(file: Path, box: ThisBox) -> UpdateError:
    with pytest.raises(UpdateError) as caught:
        checked_update(file, box)
    for sentence in (caught.value.german, caught.value.english):
        assert sentence.endswith((".", ")."))
        assert "{" not in sentence
    return caught.value


# What is taken, and what not


def test_a_signed_update_for_this_board_is_taken(signer: Signer, tmp_path: Path) -> None:
    told: list[float] = []
    found = checked_update(signer.update(tmp_path / "u"), signer.box, told.append)
    assert found.version == "2.0-abc"
    assert list(found.parts) == ["system", "start"]
    assert told == sorted(told)
    assert 0.9 < told[-1] <= 1


def test_the_same_update_has_the_same_bytes(signer: Signer, tmp_path: Path) -> None:
    assert signer.update(tmp_path / "1").read_bytes() == signer.update(tmp_path / "2").read_bytes()


@pytest.mark.parametrize("length", [0, 100, 700, 2500])
def test_the_beginning_of_a_download_is_no_update(signer: Signer, tmp_path: Path, length: int) -> None:
    file = signer.update(tmp_path / "u")
    os.truncate(file, length)
    assert refused(file, signer.box).reason in ("not an update", "signature", "cut off")


@pytest.mark.parametrize("missing", [11_000, 20_000, 1_000_000, len(SYSTEM)])
def test_a_cut_off_download_is_refused_with_its_length(signer: Signer, tmp_path: Path, missing: int) -> None:
    file = signer.update(tmp_path / "u")
    os.truncate(file, file.stat().st_size - missing)
    error = refused(file, signer.box)
    assert error.reason == "cut off"
    assert f"{file.stat().st_size / 1e6:.1f}" in error.german


@pytest.mark.parametrize("name", ["picture", "archive"])
def test_something_else_is_no_update(signer: Signer, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if name == "picture":
        file.write_bytes(b"\x89PNG" * 1000)
    else:
        with tarfile.open(file, "w") as archive:
            archive.addfile(tarfile.TarInfo("letter"), io.BytesIO())
    assert refused(file, signer.box).reason == "not an update"


def test_another_signer_is_refused(signer: Signer, keygen: list[str], tmp_path: Path) -> None:
    stranger = Signer(tmp_path / "stranger", keygen)
    assert refused(stranger.update(tmp_path / "u"), signer.box).reason == "signature"


def test_a_signature_for_something_else_is_refused(signer: Signer, tmp_path: Path) -> None:
    file = signer.update(tmp_path / "u", namespace="mail")
    assert refused(file, signer.box).reason == "signature"


def test_a_changed_manifest_is_refused(signer: Signer, tmp_path: Path) -> None:
    file = signer.update(tmp_path / "u")
    content = file.read_bytes()
    file.write_bytes(content.replace(b"2.0-abc", b"9.0-abc", 1))
    assert refused(file, signer.box).reason == "signature"


@pytest.mark.parametrize("at", [5000, 1_500_000, -3000])
def test_a_changed_byte_is_seen(signer: Signer, tmp_path: Path, at: int) -> None:
    file = signer.update(tmp_path / "u")
    content = bytearray(file.read_bytes())
    place = at if at > 0 else content.rindex(b"kernel")
    content[place] ^= 1
    file.write_bytes(content)
    assert refused(file, signer.box).reason == "damaged"


def test_another_board_is_named(signer: Signer, tmp_path: Path) -> None:
    error = refused(signer.update(tmp_path / "u", boards=("raspberrypi,9-model-x",)), signer.box)
    assert error.reason == "board"
    for sentence in (error.german, error.english):
        assert "raspberrypi,9-model-x" in sentence
        assert BOARD in sentence


def test_data_of_a_newer_version_keep_an_older_system_away(signer: Signer, tmp_path: Path) -> None:
    box = replace(signer.box, migrations=["m001_office", "m007_cards"])
    error = refused(signer.update(tmp_path / "u"), box)
    assert error.reason == "newer data"
    assert "m007_cards" in error.german


def test_a_system_that_does_not_fit_the_slot_is_refused(signer: Signer, tmp_path: Path) -> None:
    box = replace(signer.box, slot_bytes=len(SYSTEM) - 1)
    assert refused(signer.update(tmp_path / "u"), box).reason == "room"


def test_the_boards_of_a_card_are_read_from_its_trees() -> None:
    tree = b"\0compatible\0raspberrypi,4-model-b\0brcm,bcm2711\0raspberrypi,firmware-gpio\0"
    assert boards_of({"x.dtb": tree, "y.dtbo": b"raspberrypi,3-model-b\0"}) == ["linux,dummy-virt", BOARD]


# What is written, and who starts


@dataclass
class Firmware:
    """Notes that it was asked."""

    boot: Path
    asked: int = 0

    def start_once(self) -> None:
        assert card.slot_named_in((self.boot / "tryboot.txt").read_bytes()) == "b"
        self.asked += 1


@dataclass
class Machine:
    """A card in folders."""

    folder: Path
    mounted: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.boot = self.folder / "boot"
        (self.boot / "a").mkdir(parents=True)
        (self.boot / "a/vmlinuz").write_bytes(b"old kernel")
        (self.boot / "b").mkdir()
        (self.boot / "b/left-over").write_bytes(b"older")
        (self.boot / "config.txt").write_text("# which\nos_prefix=a/\nkernel=vmlinuz\n")
        for slot in "ab":
            (self.folder / slot).write_bytes(slot.encode() * len(SYSTEM))
        self.firmware = Firmware(self.boot)

    def slots(self, running: str = "a") -> card.Slots:
        """As they are while this slot runs."""
        return card.Slots(
            self.boot, running, "465a0001", self.firmware, self.folder.joinpath, self.mounted.append
        )

    def tree(self) -> dict[str, bytes]:
        """All that is on it."""
        files = (file for file in self.folder.rglob("*") if file.is_file())
        return {str(file.relative_to(self.folder)): file.read_bytes() for file in files}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "card")


def test_an_update_is_written_to_the_slot_that_does_not_run(
    signer: Signer, machine: Machine, tmp_path: Path
) -> None:
    before = machine.tree()
    install(checked_update(signer.update(tmp_path / "u"), signer.box), machine.slots())
    after = machine.tree()
    assert after["b"] == SYSTEM
    assert after["boot/b/vmlinuz"] == b"kernel"
    assert "boot/b/left-over" not in after
    assert b"root=PARTUUID=465a0001-03 " in after["boot/b/cmdline.txt"]
    for name in ("a", "boot/a/vmlinuz", "boot/config.txt"):
        assert after[name] == before[name]
    assert after["boot/tryboot.txt"] == before["boot/config.txt"].replace(b"=a/", b"=b/")
    assert machine.firmware.asked == 1
    assert machine.mounted == ["rw", "ro", "rw", "ro"]


def test_a_file_changed_after_it_was_checked_starts_nothing(
    signer: Signer, machine: Machine, tmp_path: Path
) -> None:
    file = signer.update(tmp_path / "u")
    update = checked_update(file, signer.box)
    content = bytearray(file.read_bytes())
    content[update.parts["system"].begin + 7] ^= 1
    file.write_bytes(content)
    with pytest.raises(UpdateError):
        install(update, machine.slots())
    assert not (machine.boot / "b").exists()
    assert not (machine.boot / "tryboot.txt").exists()
    assert machine.firmware.asked == 0
    assert machine.mounted[-1] == "ro"


def test_a_kernel_that_comes_back_different_from_the_card_is_never_started(
    signer: Signer, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(file: Path, content: bytes) -> None:
        card.write_through(file, b"?" + content[1:] if file.name == "vmlinuz" else content)

    monkeypatch.setattr(installing, "write_through", write)
    with pytest.raises(UpdateError) as caught:
        install(checked_update(signer.update(tmp_path / "u"), signer.box), machine.slots())
    assert caught.value.reason == "slot"
    assert not (machine.boot / "tryboot.txt").exists()
    assert machine.firmware.asked == 0
    assert machine.mounted[-1] == "ro"


@pytest.mark.parametrize("place", ["../a/vmlinuz", "/etc/passwd"])
def test_nothing_is_unpacked_outside_its_folder(
    signer: Signer, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setitem(FOLDER, place, b"bad")
    update = checked_update(signer.update(tmp_path / "u"), signer.box)
    with pytest.raises(UpdateError):
        install(update, machine.slots())
    assert (machine.boot / "a/vmlinuz").read_bytes() == b"old kernel"
    assert machine.firmware.asked == 0


def test_the_running_slot_is_chosen_by_one_byte(machine: Machine) -> None:
    config = machine.boot / "config.txt"
    (machine.boot / "tryboot.txt").write_text("os_prefix=b/\n")
    before, place = config.read_bytes(), config.stat().st_ino
    machine.slots("b").choose_running()
    after = config.read_bytes()
    assert [n for n, (x, y) in enumerate(zip(before, after, strict=True)) if x != y] == [before.index(b"a/")]
    assert config.stat().st_ino == place
    assert machine.slots("b").chosen == "b"
    assert not (machine.boot / "tryboot.txt").exists()
    machine.slots("a").choose_running()
    assert config.read_bytes() == before


def test_the_running_slot_is_read_from_the_kernels_command_line() -> None:
    assert card.running_from(command_line("a")) == ("465a0001", "a")
    assert card.running_from(command_line("b")) == ("465a0001", "b")
    assert command_line_for(command_line("a"), "465a0001", "b") == command_line("b")
    with pytest.raises(card.NoSlots):
        card.running_from("root=/dev/sda1 quiet")
    with pytest.raises(card.NoSlots):
        card.slot_named_in(b"kernel=vmlinuz\n")


def test_a_device_tree_names_its_boards() -> None:
    assert card.boards(b"raspberrypi,4-model-b\0brcm,bcm2711\0") == [BOARD, "brcm,bcm2711"]


def test_the_first_program_knows_the_same_slots() -> None:
    first = (REPOSITORY / "image-build/card/first").read_text()
    assert f'[ "${{root##*-}}" = {card.PARTITIONS["b"]:02} ] && slot=b' in first
    assert f"/run/{update_command.ON_TRIAL.name}\n" in first


def went_back(folder: Path, slot: str, *, other: bool = True, config: str = "a") -> tuple[bytes, bool]:
    """What config.txt says, and whether the box restarts, when the system of a slot cannot be mounted."""
    text = (REPOSITORY / "image-build/card/first").read_text()
    function = text[text.index("go_back() {") : text.index("\n}\n", text.index("go_back() {")) + 3]
    boot = folder / "boot"
    boot.mkdir()
    (boot / "config.txt").write_text(f"# os_prefix=x\nos_prefix={config}/\nkernel=vmlinuz\n")
    for name in "ab":
        (boot / name).mkdir()
        if name == slot or other:
            (boot / name / "vmlinuz").write_text("kernel")
    function = function.replace("/boot", str(boot)).replace("/config.txt >", f"/config.txt >{folder}")
    function = function.replace("if=/config.txt", f"if={folder}/config.txt")
    stubs = "say() { :; }; mount() { :; }; umount() { :; }; sync() { :; }; device() { echo vda1; };"
    script = f"{stubs} reboot() {{ echo restarts; }}; slot={slot}; boot=x\n{function}\ngo_back || true\n"
    done = subprocess.run(["dash", "-ec", script], capture_output=True, text=True, check=True)
    return (boot / "config.txt").read_bytes(), done.stdout == "restarts\n"


@pytest.mark.parametrize("slot", ["a", "b"])
def test_the_first_program_gives_up_a_chosen_system_that_is_spoilt(tmp_path: Path, slot: str) -> None:
    said, restarts = went_back(tmp_path, slot, config=slot)
    other = {"a": "b", "b": "a"}[slot]
    assert said == f"# os_prefix=x\nos_prefix={other}/\nkernel=vmlinuz\n".encode()
    assert restarts


def test_a_spoilt_system_on_trial_changes_no_choice(tmp_path: Path) -> None:
    said, restarts = went_back(tmp_path, "b", config="a")
    assert b"os_prefix=a/" in said
    assert restarts


def test_without_another_system_none_is_chosen(tmp_path: Path) -> None:
    said, restarts = went_back(tmp_path, "a", other=False)
    assert b"os_prefix=a/" in said
    assert not restarts, "the kernel restarts it, after a while"


# The trial


@dataclass
class Clock:
    """Goes on when somebody waits."""

    at: float = 0.0

    def now(self) -> float:
        return self.at

    def wait(self) -> None:
        self.at += 1


def test_a_system_that_answers_late_proves_itself() -> None:
    clock = Clock()
    checks = {"asterisk": lambda: clock.at > 50, "page": lambda: clock.at > TRIAL_SECONDS - 2}
    assert proves_itself(checks, now=clock.now, wait=clock.wait) == []


def test_a_system_of_which_a_part_is_dead_does_not() -> None:
    clock = Clock()
    missing = proves_itself({"asterisk": lambda: True, "page": lambda: False}, now=clock.now, wait=clock.wait)
    assert missing == ["page"]
    assert clock.at > TRIAL_SECONDS


# The commands


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder_in(folder).mkdir(parents=True)
    open_store(folder / "freizeichen.db").close()
    return folder


@pytest.fixture
def on_the_card(
    machine: Machine, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[list[str]]:
    """The commands as they are on a box started from the card; returns what they have run."""
    ran: list[list[str]] = []
    on_trial = tmp_path / "slot-on-trial"
    monkeypatch.setattr(card, "slots_of_this_box", machine.slots)
    monkeypatch.setattr(card, "this_board", lambda: [BOARD])
    monkeypatch.setattr(update_command, "SIGNERS", signer.box.signers)
    monkeypatch.setattr(update_command, "ON_TRIAL", on_trial)
    monkeypatch.setattr(
        update_command,
        "ThisBox",
        lambda boards, steps, room, signers: ThisBox(boards, steps, room, signers, signer.keygen),
    )
    monkeypatch.setattr(update_command, "_restart", lambda: ran.append(["restart"]))
    return ran


def run(state: Path, *words: str, language: str = "de_DE.UTF-8") -> tuple[int, str]:
    done = CliRunner().invoke(main, ["--state", str(state), *words], env={"LC_ALL": language})
    return done.exit_code, done.output


def all_steps(state: Path) -> tuple[str, ...]:
    return tuple(update_command.migrations_of(state / "freizeichen.db"))


def test_a_wish_is_granted_and_the_box_restarts(
    state: Path, signer: Signer, machine: Machine, on_the_card: list[list[str]]
) -> None:
    signer.update(folder_in(state) / "x", steps=all_steps(state))
    wish_for(state, "x")
    assert run(state, "install-update") == (0, "")
    assert on_the_card == [["restart"]]
    assert read_state(state).word == "trying"
    assert read_state(state).slot == "b"
    assert sorted(file.name for file in folder_in(state).iterdir()) == ["state.json"]
    assert machine.firmware.asked == 1


@pytest.mark.parametrize("language", ["de_DE.UTF-8", "en_GB.UTF-8"])
def test_what_is_refused_says_why_and_changes_nothing(
    state: Path, signer: Signer, machine: Machine, on_the_card: list[list[str]], language: str
) -> None:
    before = machine.tree()
    signer.update(folder_in(state) / "x", boards=("toaster",), steps=all_steps(state))
    wish_for(state, "x")
    assert run(state, "install-update") == (0, "")
    assert (read_state(state).word, on_the_card, machine.tree()) == ("refused", [], before)
    assert "toaster" in run(state, "update", language=language)[1]
    assert not (folder_in(state) / "x").exists()


@pytest.mark.parametrize("name", ["../freizeichen.db", "/etc/passwd", "", "link", ".hidden", "state.json"])
def test_a_wish_for_anything_but_a_file_of_the_folder_is_not_followed(state: Path, name: str) -> None:
    (folder_in(state) / "link").symlink_to(state / "freizeichen.db")
    (folder_in(state) / ".hidden").touch()
    write_state(state, UpdateState("done"))
    wish_for(state, name)
    assert take_wish(state) is None
    assert not (folder_in(state) / "wanted").exists()
    assert (state / "freizeichen.db").exists()


def test_state_is_not_written_through_a_link(state: Path) -> None:
    victim = state / "victim"
    victim.write_text("mine")
    for name in ("state.json", "state.json.new"):
        (folder_in(state) / name).symlink_to(victim)
    write_state(state, UpdateState("done"))
    assert victim.read_text() == "mine"
    assert read_state(state).word == "done"


def test_a_machine_without_our_card_is_told_so(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> card.Slots:
        raise card.NoSlots("root=/dev/sda1")

    monkeypatch.setattr(card, "slots_of_this_box", none)
    file = tmp_path / "u"
    file.touch()
    status, said = run(state, "update", str(file))
    assert status == 1
    assert "nicht von unserer Karte" in said
    assert read_state(state).word == "none"


def test_a_second_update_waits_for_the_first(
    state: Path, tmp_path: Path, on_the_card: list[list[str]]
) -> None:
    write_state(state, UpdateState("writing"))
    file = tmp_path / "u"
    file.touch()
    status, said = run(state, "update", str(file))
    assert (status, "läuft schon" in said, on_the_card) == (1, True, [])


@pytest.mark.usefixtures("on_the_card")
def test_the_old_system_says_that_the_new_one_did_not_hold(state: Path) -> None:
    write_state(state, UpdateState("trying", "2.0-abc"))
    assert run(state, "confirm-start") == (0, "")
    assert "2.0-abc hat nicht gehalten" in run(state, "update")[1]
    assert run(state, "confirm-start") == (0, "")  # and goes on saying it
    assert read_state(state).word == "fell back"


@pytest.mark.parametrize(("slot", "word"), [("a", "done"), ("b", "fell back")])
@pytest.mark.usefixtures("on_the_card")
def test_a_new_system_that_was_given_up_later_is_told(state: Path, slot: str, word: str) -> None:
    write_state(state, UpdateState("done", "2.0-abc", slot=slot))
    assert run(state, "confirm-start") == (0, "")  # slot a runs
    assert read_state(state).word == word


@contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, *, page: bool) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(update_command, "answers_sip", lambda _: True)
        patched.setattr(update_command, "is_ready", lambda _: True)
        patched.setattr(update_command, "answers_page", lambda _: page)
        patched.setattr("appliance.updating.trial.TRIAL_SECONDS", 0.0)
        yield


@pytest.mark.usefixtures("on_the_card")
def test_a_system_on_trial_is_chosen_only_when_all_of_it_answers(
    state: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card, "slots_of_this_box", lambda: machine.slots("b"))
    write_state(state, UpdateState("trying", "2.0-abc", slot="b"))
    update_command.ON_TRIAL.touch()
    with answering(monkeypatch, page=False):
        status, said = run(state, "confirm-start")
    assert (status, "freizeichen-web" in said, machine.slots().chosen) == (1, True, "a")
    assert read_state(state).word == "trying"
    with answering(monkeypatch, page=True):
        assert run(state, "confirm-start") == (0, "")
    assert machine.slots().chosen == "b"
    assert read_state(state).word == "done"
    assert not update_command.ON_TRIAL.exists()


@pytest.mark.parametrize(
    ("talks", "order"),
    [
        (False, "SELECT 1"),
        (True, "INSERT INTO calls (call, dialled, started_at) VALUES ('1', '', '2026-01-01T00:00:00.000Z')"),
        (
            False,
            "INSERT INTO calls (call, dialled, started_at, ended_at, outcome)"
            " VALUES ('1', '', '2026-01-01T00:00:00.000Z', '2026-01-01T00:01:00.000Z', 'talked')",
        ),
        (True, CALLBACK.format("calling")),
        (False, CALLBACK.format("waiting")),
        (True, LAMPS.format("agent:anna", "red")),
        (False, LAMPS.format("agent:anna", "green")),
        (True, LAMPS.format("line:isdn", "on")),
        (False, LAMPS.format("line:isdn", "off")),
        (False, LAMPS.format("line:isdn", "on").replace("11:59:58", "11:50:00")),
    ],
)
def test_the_restart_waits_until_nobody_talks(state: Path, talks: bool, order: str) -> None:
    db = open_store(state / "freizeichen.db")
    db.conn.executescript(order)
    db.close()
    now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    assert update_command.somebody_talks(state / "freizeichen.db", now) is talks


@pytest.mark.parametrize(
    ("word", "slot", "running", "becomes"),
    [
        ("none", "", "a", "none"),
        ("refused", "b", "a", "refused"),
        ("writing", "b", "a", "fell back"),
        ("trying", "b", "a", "fell back"),
        ("trying", "b", "b", "done"),  # the power failed between choosing it and saying so
        ("done", "b", "b", "done"),
        ("done", "b", "a", "fell back"),
    ],
)
def test_where_the_chosen_system_runs_it_is_said_which_one_that_is(
    word: str, slot: str, running: str, becomes: str
) -> None:
    before = UpdateState(word, "2.0-abc", slot=slot)
    assert update_command.where_the_chosen_system_runs(before, lambda: running).word == becomes


def test_what_did_not_hold_needs_attention(state: Path) -> None:
    db = open_store(state / "freizeichen.db")
    for word, expected in (("done", []), ("trying", []), ("fell back", ["update"])):
        given_up = update_command.where_the_chosen_system_runs(UpdateState("writing", "2.0-abc"), lambda: "a")
        write_state(state, given_up.with_word(word))
        found = troubles(look(db, Settings(state), frozenset()))
        assert [trouble.kind for trouble in found if trouble.kind == "update"] == expected
    told = next(trouble for trouble in found if trouble.kind == "update")
    assert "2.0-abc" in told.german
    assert "2.0-abc" in told.english
    db.close()
