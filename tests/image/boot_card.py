"""Boots the card image in an emulated machine and uses it as an office would: `make test-image`.

It prints what it does and how long that took: half an hour on two busy cores. Console logs and card are kept
when something fails.
"""

from __future__ import annotations

import shlex
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from appliance.settings import Settings, SipLine
from card.boot_files import SLOTS
from tests.image.card import BOX, OUTSIDE, Card, CardError, flashed
from tests.image.outside_caller import NotAnswered, OutsideCall

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
_CALLS = 10
STATE = "/var/lib/freizeichen"


class Story:
    """What is tried, one after the other; each part leaves the card to the next."""

    def __init__(self, card: Card, renewal: Path, patience_seconds: float) -> None:
        self.card = card
        self.renewal = renewal
        self._patience_seconds = patience_seconds

    def first_start(self, least_megabytes: int = 2000) -> str:
        """Flashed, a key put on it, plugged in: page and ssh answer, the card is used to its end."""
        card = self.card
        card.allow_ssh()
        card.boot()
        card.wait_for("the page answers", card.shows_page)
        page_seconds = time.monotonic() - card.started
        card.wait_for("ssh answers", lambda: card.run("true") == "")
        card.wait_for("all is started", self.nothing_waits)
        self._all_well()
        size = int(card.run("df --output=size --block-size=1M /data | tail -n 1"))
        if size < least_megabytes:
            raise CardError(f"the data partition has only {size} MB of the card")
        return f"page after {page_seconds:.0f} s, data partition {size} MB"

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
        card.run(f"rm -f {STATE}/asterisk/prepared-*")
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
        card.wait_for("ssh answers", lambda: card.run("true") == "")
        card.wait_for("all is started", self.nothing_waits)
        self._all_well()
        if leases := card.run("ls /run/systemd/netif/leases 2>/dev/null; true"):
            raise CardError(f"an address was fetched though one is fixed: {leases}")
        ready = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in card.figures().items())
        return f"first call answered {outside_seconds:.1f} s after switching on; kernel to ready: {ready}"

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
        """What ten calls that are answered and hung up cost: bytes on the card, memory of the services."""
        card = self.card
        card.run("sync")
        before = self._written()
        for _ in range(_CALLS):
            self.is_answered()
        card.wait_for("the last call is on record", self._no_call_is_open)
        card.run("sync")
        kilobytes = (self._written() - before) // 1024
        memory = {
            name: int(card.run(f"systemctl show --value --property=MemoryCurrent {name}.service"))
            for name in SERVICES
        }
        taken = ", ".join(f"{name} {length / 1e6:.0f} MB" for name, length in memory.items())
        return f"{kilobytes / _CALLS:.0f} KB written per call; memory: {taken}"

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
        listing = f"cd {STATE}/spool/messages; find . -type f -exec sha256sum '{{}}' + | sort"
        kept = card.run(listing)
        card.run("sync")
        card.pull_the_plug()
        card.overwrite(4, b"\xff" * 8192)  # the superblock and what lies behind it
        card.boot()
        call = self._call(self._patience_seconds)
        seconds = time.monotonic() - card.started
        call.hang_up()
        card.wait_for("ssh answers", lambda: card.run("true") == "")
        if card.run(listing) != kept or not kept:
            raise CardError("messages differ from before")
        return f"call answered {seconds:.1f} s after switching on, message unchanged"

    def is_renewed(self) -> str:
        """An update is taken, calls are answered meanwhile, and the new system is chosen once it answers."""
        card = self.card
        if refused := self._refused():
            raise CardError(f"an update that is cut off is not refused: {refused}")
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

    def _refused(self) -> str:
        """What is wrong with the refusal of half an update."""
        card = self.card
        half = self.renewal.read_bytes()[: self.renewal.stat().st_size // 3]
        with tempfile.NamedTemporaryFile() as file:
            file.write(half)
            file.flush()
            card.put(Path(file.name), "/data/half.update")
        said = card.run("LC_ALL=de_DE freizeichen update /data/half.update 2>&1; echo status $?")
        return "" if "nicht vollständig" in said and "status 1" in said else said

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

    def is_answered(self) -> None:
        """A call from outside hears something."""
        call = self._call(self._patience_seconds)
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
        card.wait_for("ssh answers", lambda: card.run("true") == "")
        card.wait_for("all is started", self.nothing_waits)
        self._all_well()
        return "said on the console; page and services run"

    def _call(self, seconds: float) -> OutsideCall:
        try:
            return OutsideCall(("127.0.0.1", self.card.sip), NUMBER, seen_as=OUTSIDE, answer_seconds=seconds)
        except NotAnswered as error:
            raise CardError(f"the call is not answered within {seconds:.0f} s: {error}") from error

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
def main(image: Path | None, folder: Path, patience: int, only: str) -> None:
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
    click.echo(f"flashing {image.name}")
    flashed(image, folder / "card")
    card = Card(folder / "card", folder, patience)
    story = Story(card, renewal, patience)
    parts: list[Callable[[], str]] = [
        story.first_start,
        story.no_way_in,
        story.set_up,
        story.answers,
        story.takes_a_message,
        story.costs,
        story.plug_is_pulled,
        story.is_renewed,
        story.falls_back,
        story.update_does_not_hold,
        story.data_is_gone,
    ]
    if only:
        parts = [part for part in parts if part.__name__ in only.split(",")]
    try:
        for number, part in enumerate(parts, start=1):
            click.echo(f"{number}/{len(parts)} {str(part.__doc__).splitlines()[0]}")
            began = time.monotonic()
            said = part()
            click.echo(f"    {said} ({time.monotonic() - began:.0f} s)")
    except CardError as error:
        raise click.ClickException(f"{error}\nLogs and card: {folder}") from error
    finally:
        card.pull_the_plug()
    shutil.rmtree(folder)
    click.echo("The card image works.")


if __name__ == "__main__":
    main()
