"""Boots the card image in an emulated machine and uses it as an office would: `make test-image`.

It prints what it does and how long that took, an hour on two busy cores, and writes the figures to
`.image/boot.json`. Console logs and card are kept when something fails.
"""

from __future__ import annotations

import base64
import json
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
from sqlite_utils import Database

from appliance.settings import Settings, SipLine
from appliance.store.migrations import migrations
from appliance.system_command import RESET_WORDS
from appliance.telephony.sandbox import shown_progress
from card.boot_files import SLOTS
from card.packages import Tools
from tests.image.bad_updates import bad_updates
from tests.image.captured import first_answer_seconds
from tests.image.card import BOX, OUTSIDE, WATCHDOG, Card, CardError, flashed
from tests.image.outside_caller import NotAnswered, OutsideCall
from tests.image.plain_debian import made_disk, switched_on
from tests.image.visited_page import VisitedPage

ROOT = Path(__file__).parents[2]
NUMBER = "093155510"
OFFICE = """
[office]
name = "Musterbüro"
language = "de"
country = "DE"
area_code = "0931"
time_zone = "Europe/Berlin"
retention_days = 90

[mail]
host = "127.0.0.1"
port = 25
security = "none"
sender = "hotline@musterbuero.example"

[[department]]
name = "support"
title = "Technik"
mailbox = "technik@musterbuero.example"
numbers = ["0931 555-10"]
hours = "always"

[[phone]]
name = "desk_1"
extension = "21"
secret = "geheim-desk-1"

[[agent]]
name = "anna"
title = "Anna Berg"
phone = "desk_1"
departments = ["support"]
"""
SERVICES = ("asterisk", "freizeichen", "freizeichen-web")
_CODE = "kanzlei 4711"
_CALLS, _AT_ONCE = 100, 4
STATE = "/var/lib/freizeichen"
_MESSAGES = f"cd {STATE}/spool/messages; find . -type f -exec sha256sum '{{}}' + | sort"
_LIBRARIES = "/usr/lib/freizeichen/programs"


class Story:
    """What is tried, one after the other; each part leaves the card to the next."""

    def __init__(self, card: Card, image: Path, renewal: Path, patience_seconds: float) -> None:
        self.card = card
        self.image, self.renewal = image, renewal
        self._patience_seconds = patience_seconds
        self.figures: dict[str, Any] = {}

    def first_start(self, least_megabytes: int = 2000) -> str:
        """Flashed, a key put on it, plugged in: page and ssh answer, the card is used to its end."""
        card = self.card
        card.allow_ssh()
        card.write_boot("code.txt", f"{_CODE}\n".encode())
        card.boot()
        card.wait_for("the page answers", card.shows_page)
        page_seconds = time.monotonic() - card.started
        self._is_up()
        self._all_well()
        size = int(card.run("df --output=size --block-size=1M /data | tail -n 1"))
        if size < least_megabytes:
            raise CardError(f"the data partition has only {size} MB of the card")
        return f"page after {page_seconds:.0f} s, data partition {size} MB"

    def goes_on(self) -> None:
        """Start from a card an earlier run has left."""
        self.card.allow_ssh()
        self.card.boot()
        self._is_up()

    def no_way_in(self) -> str:
        """Nobody has a password, nothing runs as somebody else, the system cannot be written."""
        card = self.card
        passwords = card.run("cut -d: -f2 /etc/passwd /etc/shadow | sort -u").split()
        if not set(passwords) <= {"*", "!*", "x", "!"}:
            raise CardError(f"somebody has a password: {passwords}")
        if found := card.run("find / -xdev -perm /6000 -type f"):
            raise CardError(f"programs run as somebody else: {found}")
        if found := card.run(
            "ls /usr/bin/gcc /usr/bin/cc /usr/bin/make /usr/bin/perl /usr/share/man 2>/dev/null; true"
        ):
            raise CardError(f"what has no business there: {found}")
        for folder in ("/usr", "/etc"):
            if card.run(f"touch {folder}/x 2>/dev/null && echo written; true"):
                raise CardError(f"{folder} can be written")
        if "in-memory" in card.run("ls /run"):
            raise CardError("the data partition is not in use")
        authorities = card.run(
            "python3 -c 'import ssl; print(len(ssl.create_default_context().get_ca_certs()))'"
        )
        if int(authorities) < 50:
            raise CardError(f"only {authorities} certificate authorities are known")
        return "no password, no compiler, no setuid program, /usr and /etc read-only"

    def does_its_part(self) -> str:
        """The watchdog counts, the library for lamps can be loaded, services are as closed as was said."""
        card = self.card
        watchdog = card.run("cd /sys/class/watchdog/watchdog0; cat identity state timeout").splitlines()
        if len(watchdog) != 3 or watchdog[1] != "active" or not 1 <= int(watchdog[2]) <= 15:
            raise CardError(f"the watchdog ({WATCHDOG}): {watchdog}")
        loaded = card.run(
            'cd /tmp; RPI_LGPIO_REVISION=c03111 python3 -c "import sys; sys.path.insert(0,'
            f" '{_LIBRARIES}'); import RPi.GPIO, _lgpio; print(RPi.GPIO.VERSION)\""
        ).strip()
        exposure = {}
        for name in SERVICES:
            told = card.run(f"LC_ALL=C.UTF-8 systemd-analyze security --no-pager {name}.service")
            exposure[name] = float(told.rpartition(": ")[2].split()[0])
        self.figures["exposure"] = exposure
        self.figures["watchdog"] = f"{watchdog[1]}, {watchdog[2]} s"
        shown = ", ".join(f"{name} {figure}" for name, figure in exposure.items())
        return f"watchdog {watchdog[1]}, {watchdog[2]} s; RPi.GPIO {loaded}; exposure: {shown}"

    def wizard(self) -> str:
        """Somebody takes the box over by the page, with the code from the card, and answers its questions."""
        page = VisitedPage(self.card.page, self._patience_seconds)
        password = secrets.token_hex(8)
        page.sends("/first-start", code=_CODE, name="ada", password=password, again=password)
        answers = {
            **{"office_name": "Kanzlei", "office_area_code": "0931", "numbers": "555-10"},
            **{"mail_host": "smtp.k.example", "mail_sender": "box@k.example"},
            **{"mailbox": "post@k.example", "person": "Anna Berg"},
        }
        told = page.sends("/setup", **answers)
        if "Kanzlei" not in page.reads("/setup/office") or "Kanzlei" not in self._office():
            raise CardError(f"the office is not set up: {told}")
        return f"taken over and set up; the page goes on at {told}"

    def set_up(self) -> str:
        """A line and an office are set up."""
        card = self.card
        line = SipLine("exchange", OUTSIDE, 5060)
        with tempfile.TemporaryDirectory() as folder:
            Settings(Path(folder), lines=(line,)).write()
            settings = (Path(folder) / "box.toml").read_text()
        card.run(card.as_supervisor(f"umask 0007; cat > {STATE}/box.toml"), given=settings)
        card.run(card.as_supervisor("umask 0007; cat > /tmp/office.toml"), given=OFFICE)
        card.run(card.as_supervisor("freizeichen config import /tmp/office.toml"))
        card.run("systemctl start freizeichen-prepare")  # as the next start would before it takes a call
        return "office imported"

    def answers(self) -> str:
        """Switched off and on again it answers calls from outside; how soon is printed."""
        card = self.card
        card.shut_down()
        card.write_boot("network.txt", f"address={BOX}/24\ngateway={OUTSIDE}\n".encode())
        card.boot()
        call = self._call(self._patience_seconds)
        outside_seconds = time.monotonic() - card.started
        if not call.hears_speech(60):
            raise CardError("the call is answered with silence")
        call.hang_up()
        self._is_up()
        self._all_well()
        if leases := card.run("ls /run/systemd/netif/leases 2>/dev/null; true"):
            raise CardError(f"an address was fetched though one is fixed: {leases}")
        answer_seconds = first_answer_seconds(card.capture)
        self.figures["seconds_from_start"] = {"first call answered": round(answer_seconds, 2)} | {
            name: round(seconds, 2) for name, seconds in card.figures().items()
        }
        ready = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in card.figures().items())
        return (
            f"first call answered {answer_seconds:.1f} s after switching on by the box's clock"
            f" ({outside_seconds:.0f} s on this host); kernel to ready: {ready}"
        )

    def plain_debian(self) -> str:
        """How long Debian's own system and Asterisk take to the first answer in the same machine."""
        folder = self.card.file.parent / "debian"
        folder.mkdir()
        disk, kernel = made_disk(folder)
        slot = self.card.settings()["os_prefix"]
        if kernel != self.card.read_boot(f"{slot}vmlinuz"):
            raise CardError("Debian has another kernel by now; make the image anew")
        first = self.card.read_boot(f"{slot}initramfs")
        machine = switched_on(disk, kernel, first, folder, self._patience_seconds)
        try:
            self._call(self._patience_seconds, machine).hang_up()
        finally:
            machine.pull_the_plug()
        debian_seconds = first_answer_seconds(machine.capture)
        shutil.rmtree(folder)
        self.figures["debian_first_call_answered_seconds"] = round(debian_seconds, 2)
        told = f"Debian answers after {debian_seconds:.1f} s of the machine's clock"
        if ours := self.figures.get("seconds_from_start"):
            share = ours["first call answered"] / debian_seconds
            self.figures["start_compared_with_debian"] = round(share, 3)
            told += f"; the box needs {share:.2f} of that"
        return told

    def takes_a_message(self) -> str:
        """Nobody is there, so a caller presses 3 and speaks; the message is kept and the ledger closed."""
        card = self.card
        call = self._call(60)
        if not call.hears_speech(60):
            raise CardError("the call is answered with silence")

        def records() -> bool:
            call.hears_speech(2)
            call.press("3")
            return bool(card.run(f"find {STATE}/spool -name '*.wav' -size +0"))

        card.wait_for("the message is recorded", records)
        call.speaks(6)
        call.hang_up()
        card.wait_for("the message is kept", lambda: card.run(f"find {STATE}/spool/messages -type f"))
        checked = card.run(card.as_supervisor("freizeichen ledger check"))
        return f"message kept; {checked.strip().splitlines()[-1]}"

    def costs(self) -> str:
        """What a hundred calls that are answered and hung up cost: bytes on the card, memory."""
        card = self.card
        card.run("sync")
        before = self._written()
        with ThreadPoolExecutor(_AT_ONCE) as callers:
            for done in [
                callers.submit(self.is_answered, f"+49170{number + 2000000}") for number in range(_CALLS)
            ]:
                done.result()
        card.wait_for("the last call is on record", self._no_call_is_open)
        card.run("sync")
        kilobytes = (self._written() - before) / 1024 / _CALLS
        memory = {name: self._memory(name) for name in SERVICES}
        self.figures["kilobytes_written_per_call"] = round(kilobytes, 1)
        self.figures["megabytes_of_memory"] = memory
        self.figures["calls_before_memory_was_read"] = _CALLS
        taken = ", ".join(f"{name} {figure['resident']} MB" for name, figure in memory.items())
        return f"{kilobytes:.0f} KB written per call; memory after {_CALLS} calls: {taken}"

    def _memory(self, service: str) -> dict[str, float]:
        """Megabytes of a service: resident in its processes, and counted for it with pages of files."""
        shown = f"systemctl show --value --property={{}} {service}.service"
        counted = int(self.card.run(shown.format("MemoryCurrent")))
        group = self.card.run(shown.format("ControlGroup")).strip()
        sums = (
            f"for p in $(cat /sys/fs/cgroup{group}/cgroup.procs); do grep ^Pss: /proc/$p/smaps_rollup; done"
        )
        resident = sum(int(line.split()[1]) for line in self.card.run(sums).splitlines()) * 1024
        return {"resident": round(resident / 1e6, 1), "counted": round(counted / 1e6, 1)}

    def _written(self) -> int:
        """Bytes written to the card so far; the kernel counts in sectors of 512 bytes."""
        return int(self.card.run("cat /sys/block/vda/stat").split()[6]) * 512

    def _no_call_is_open(self) -> bool:
        question = "SELECT count(*) FROM calls WHERE outcome = ''"
        command = f"import sqlite3; print(*sqlite3.connect('{STATE}/freizeichen.db').execute(\"{question}\"))"
        return self.card.run(self.card.as_supervisor(f"python3 -c {shlex.quote(command)}")).strip() == "(0,)"

    def plug_is_pulled(self) -> str:
        """Pulled without a warning, and the data partition's head spoilt: it is mended, nothing is lost."""
        card = self.card
        kept = card.run(_MESSAGES)
        card.run("sync")
        card.pull_the_plug()
        card.overwrite(4, b"\xff" * 8192)  # the superblock and what lies behind it
        card.boot()
        call = self._call(self._patience_seconds)
        call.hang_up()
        seconds = first_answer_seconds(card.capture)
        self.figures["first_call_answered_after_a_spoilt_data_partition_seconds"] = round(seconds, 2)
        card.wait_for("ssh answers", lambda: card.run("true") == "")
        if card.run(_MESSAGES) != kept or not kept:
            raise CardError("messages differ from before")
        return f"call answered {seconds:.1f} s after switching on by the box's clock, message unchanged"

    def refuses(self) -> str:
        """Updates that are cut off, signed by others, for others or too old are refused in a sentence."""
        card = self.card
        half = self.renewal.read_bytes()[: self.renewal.stat().st_size // 3]
        with tempfile.TemporaryDirectory() as folder, shown_progress("tools") as progress:
            cut_off = Path(folder) / "cut-off"
            cut_off.write_bytes(half)
            made = [("cut off", cut_off, "Die Datei ist nicht vollständig")]
            made += bad_updates(Path(folder), Tools(Path(folder), progress))
            for what, file, wanted in made:
                card.put(file, "/data/bad.update")
                said = card.run("LC_ALL=de_DE.UTF-8 freizeichen update /data/bad.update 2>&1; echo status $?")
                if wanted not in said or "status 1" not in said:
                    raise CardError(f"an update that is {what} is not refused: {said}")
        card.run("rm /data/bad.update")
        self.is_answered()
        return ", ".join(what for what, _, _ in made)

    def is_full(self) -> str:
        """Nothing more fits on the data partition: the box says so and answers calls."""
        card = self.card
        card.run("fallocate -l $(df --output=avail --block-size=1 /data | tail -n 1) /data/full")
        self.is_answered()
        card.wait_for("it says so", lambda: "Der Speicher ist fast voll" in self._status())
        self.is_answered()
        card.run("rm /data/full")
        card.wait_for("it is well again", lambda: "Speicher" not in self._status())
        return "said; calls are answered"

    def data_is_newer(self) -> str:
        """The store is of a newer version: calls are answered, an update that does not know it is refused."""
        card = self.card
        tables = Database(memory=True)
        migrations.apply(tables)
        named = [name for name in tables.table_names() if "sqlite_" not in name]
        self._in_store(
            *(f"ALTER TABLE {table} ADD COLUMN of_tomorrow TEXT NOT NULL DEFAULT ''" for table in named),
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('freizeichen', 'm999_of_tomorrow', '2030-01-01')",
        )
        card.run("systemctl restart freizeichen freizeichen-web")
        self.is_answered()
        card.wait_for("the page answers", card.shows_page)
        self._all_well()
        card.put(self.renewal, "/data/new.update")
        said = card.run("LC_ALL=de_DE.UTF-8 freizeichen update /data/new.update 2>&1; echo status $?")
        if "älter als die Daten" not in said or "m999_of_tomorrow" not in said:
            raise CardError(f"an update that is older than the data is not refused: {said}")
        self._in_store("DELETE FROM _sqlite_migrations WHERE name = 'm999_of_tomorrow'")
        return "calls are answered; the update that does not know the data is refused"

    def _in_store(self, *statements: str) -> None:
        doing = "; ".join(f"db.execute({statement!r})" for statement in statements)
        opened = f"import sqlite3; db = sqlite3.connect('{STATE}/freizeichen.db', timeout=60)"
        program = f"{opened}; {doing}; db.commit()"
        self.card.run(self.card.as_supervisor(f"python3 -c {shlex.quote(program)}"))

    def _status(self) -> str:
        return self.card.run(self.card.as_supervisor("LC_ALL=de_DE.UTF-8 freizeichen status 2>&1; true"))

    def is_restored(self) -> str:
        """A backup is there on a new card, which answers calls with it; then that box is made as it came."""
        old = self.card
        kept, office = old.run(_MESSAGES), self._office()
        old.run(old.as_supervisor("umask 0007; freizeichen backup /tmp/backup"))
        folder = old.file.parent / "new"
        folder.mkdir()
        (folder / "backup").write_bytes(base64.b64decode(old.run("base64 /tmp/backup")))
        old.shut_down()
        flashed(self.image, folder / "card")
        new = Card(folder / "card", folder, self._patience_seconds)
        self.card = new
        try:
            new.allow_ssh()
            new.write_boot("network.txt", f"address={BOX}/24\ngateway={OUTSIDE}\n".encode())
            new.boot()
            self._is_up()
            new.put(folder / "backup", "/tmp/backup")
            new.run("chown freizeichen:hotline /tmp/backup")
            said = new.run(new.as_supervisor("LC_ALL=de_DE.UTF-8 freizeichen restore /tmp/backup"))
            if new.run(_MESSAGES) != kept or not kept or self._office() != office:
                raise CardError(f"messages or office differ from before: {said}")
            new.shut_down()
            new.boot()
            self.is_answered()
            self._is_up()
            checked = new.run(new.as_supervisor("freizeichen ledger check")).strip().splitlines()[-1]
            new.run(new.as_supervisor(f"freizeichen factory-reset --confirm {RESET_WORDS[1]}"))
            new.wait_for("the page belongs to nobody", self._belongs_to_nobody)
            if new.run(_MESSAGES):
                raise CardError("messages are left after a factory reset")
        finally:
            new.pull_the_plug()
            self.card = old
        shutil.rmtree(folder)
        return f"office and messages as before, a call is answered; {checked}; reset, it belongs to nobody"

    def _belongs_to_nobody(self) -> bool:
        try:
            return 'name="code"' in VisitedPage(self.card.page, self._patience_seconds).reads("/first-start")
        except (OSError, AssertionError):
            return False

    def _office(self) -> str:
        return self.card.run(self.card.as_supervisor("freizeichen config export"))

    def is_renewed(self) -> str:
        """An update is taken, calls are answered meanwhile, and the new system is chosen once it answers."""
        card = self.card
        began = time.monotonic()
        self._update()
        written_seconds = time.monotonic() - began
        card.wait_for_restart()
        card.wait_for("ssh answers", lambda: card.run("true") == "")
        self._runs_from("b")
        card.wait_for("the new system is chosen", lambda: self._told("Die neue Version läuft"))
        self.is_answered()
        return f"written in {written_seconds:.0f} s, slot b runs and is chosen"

    def falls_back(self) -> str:
        """The chosen system is spoilt: the one before starts, from then on."""
        card = self.card
        card.shut_down()
        card.overwrite(SLOTS["b"], bytes(64 * 1024))
        card.boot()
        card.wait_for_restart()
        card.wait_for("ssh answers", lambda: card.run("true") == "")
        self._runs_from("a")
        self.is_answered()
        return "slot a runs again"

    def update_does_not_hold(self) -> str:
        """A new system that does not start is never chosen, and the box says so."""
        card = self.card
        self._update()
        card.wait_for("it restarts", card.has_ended)
        card.overwrite(SLOTS["b"], bytes(64 * 1024))
        card.wait_for_restart()
        card.wait_for_restart()
        card.wait_for("ssh answers", lambda: card.run("true") == "")
        self._runs_from("a")
        card.wait_for("it says so", lambda: self._told("hat nicht gehalten"))
        self.is_answered()
        return "slot a runs, the box says that the update did not hold"

    def _update(self) -> None:
        card = self.card
        card.put(self.renewal, "/data/new.update")
        card.run("freizeichen update /data/new.update && rm /data/new.update")

    def _told(self, words: str) -> bool:
        return words in self.card.run("LC_ALL=de_DE.UTF-8 freizeichen update")

    def _runs_from(self, slot: str) -> None:
        told = self.card.run("cat /proc/cmdline")
        if f"-{SLOTS[slot]:02} " not in told:
            raise CardError(f"slot {slot} should run: {told}")

    def is_answered(self, caller: str = "+491701234567") -> None:
        """A call from outside hears something."""
        call = self._call(self._patience_seconds, caller=caller)
        if not call.hears_speech(60):
            raise CardError("the call is answered with silence")
        call.hang_up()

    def data_is_gone(self) -> str:
        """Nothing is left of the data partition: the box says so, and starts with an empty one in memory."""
        card = self.card
        card.shut_down()
        card.wipe_data()
        card.boot()
        card.wait_for("it says so", lambda: b"everything is kept in memory" in card.printed())
        card.wait_for("the page answers", card.shows_page)
        self._is_up()
        self._all_well()
        return "said on the console; page and services run"

    def _call(
        self, seconds: float, machine: Card | None = None, caller: str = "+491701234567"
    ) -> OutsideCall:
        box = ("127.0.0.1", (machine or self.card).sip)
        try:
            return OutsideCall(box, NUMBER, seen_as=OUTSIDE, answer_seconds=seconds, caller=caller)
        except NotAnswered as error:
            raise CardError(f"the call is not answered within {seconds:.0f} s: {error}") from error

    def _is_up(self) -> None:
        self.card.wait_for("ssh answers", lambda: self.card.run("true") == "")
        self.card.wait_for("all is started", self.nothing_waits)

    def nothing_waits(self) -> bool:
        """Whether systemd has started all there is."""
        return self.card.run("systemctl is-system-running || true").strip() in ("running", "degraded")

    def _all_well(self) -> None:
        for name in SERVICES:
            state = self.card.run(f"systemctl is-active {name}.service || true").strip()
            if state != "active":
                raise CardError(
                    f"{name} is {state}\n{self.card.run(f'journalctl --no-pager -n 30 -u {name}')}"
                )
        if failed := self.card.run("systemctl --failed --no-legend --plain"):
            raise CardError(
                f"what did not start:\n{failed}\n{self.card.run('journalctl --no-pager -p warning')}"
            )


@click.command()
@click.argument("image", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=ROOT / ".image/test")
@click.option("--patience", default=900, show_default=True, help="How many seconds to wait for something.")
@click.option(
    "--only", default="", help="Names of the parts to do, with commas; each builds on those before."
)
@click.option(
    "--card",
    "used",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Go on with a card that an earlier run has kept; it is not changed.",
)
@click.option("--keep", is_flag=True, help="Leave logs and card also when all went well.")
@click.option("--results", type=click.Path(path_type=Path, dir_okay=False), default=ROOT / ".image/boot.json")
def main(
    image: Path | None,
    folder: Path,
    patience: int,
    only: str,
    used: Path | None,
    keep: bool,
    results: Path,
) -> None:
    """Boot the card image (by default the one `make image` has made) and use it."""
    made = sorted((ROOT / ".image").glob("freizeichen-*.img.xz"))
    if image is None and not made:
        raise click.ClickException("There is no image in .image; make it with: make image")
    image = image or made[-1]
    renewal = image.with_name(f"{image.name.partition('.img')[0]}.update")
    if not renewal.exists():
        raise click.ClickException(f"{renewal} is missing; make it with: make image")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if used:
        subprocess.run(["cp", "--sparse=always", used, folder / "card"], check=True)
    else:
        click.echo(f"flashing {image.name}")
        flashed(image, folder / "card")
    story = Story(Card(folder / "card", folder, patience), image, renewal, patience)
    parts: list[Callable[[], str]] = [
        story.first_start,
        story.no_way_in,
        story.does_its_part,
        story.wizard,
        story.set_up,
        story.answers,
        story.takes_a_message,
        story.costs,
        story.plug_is_pulled,
        story.is_full,
        story.refuses,
        story.data_is_newer,
        story.is_renewed,
        story.falls_back,
        story.update_does_not_hold,
        story.is_restored,
        story.data_is_gone,
        story.plain_debian,
    ]
    if only:
        parts = [part for part in parts if part.__name__ in only.split(",")]
    try:
        if used:
            story.goes_on()
        for number, part in enumerate(parts, start=1):
            click.echo(f"{number}/{len(parts)} {str(part.__doc__).splitlines()[0]}")
            began = time.monotonic()
            said = part()
            click.echo(f"    {said} ({time.monotonic() - began:.0f} s)")
            story.figures.setdefault("parts", {})[part.__name__] = said
            results.write_text(json.dumps(story.figures, indent=1, ensure_ascii=False) + "\n")
        if keep and not story.card.has_ended():
            story.card.shut_down()
    except CardError as error:
        raise click.ClickException(f"{error}\nLogs and card: {folder}") from error
    finally:
        story.card.pull_the_plug()
    if not keep:
        shutil.rmtree(folder)
    click.echo(f"The card image works; figures: {results}")


if __name__ == "__main__":
    main()
