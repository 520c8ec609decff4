"""Pulls the plug of the emulated box, many times: the end of `make test-image`.

The box runs once from a card whose writes are noted one by one, while people call, leave messages, order
callbacks and change settings; then it is killed. What the card holds had the plug been pulled at any other of
those moments is put together from the notes: all that was flushed by then, and of the later writes a random
half, some torn. Each such card is looked at from outside: file system, store, whatever somebody could see
confirmed before that moment. Some of them are put into the machine and have to answer a call.
"""

from __future__ import annotations

import hashlib
import json
import random
import shlex
import shutil
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from appliance.store.database import open_store
from appliance.telephony.debian_archive import PreparationError
from appliance.telephony.sandbox import shown_progress
from card.filesystems import CARD_BYTES, MEGABYTE, PARTITIONS
from card.packages import Tools
from tests.image.boot_card import NUMBER, OFFICE, ROOT, Story
from tests.image.card import OUTSIDE, Card, CardError, flashed
from tests.image.outside_caller import NotAnswered, OutsideCall
from tests.image.written_blocks import Written, kept, lay_over, read_log

_DATA_AT = PARTITIONS[4][0]
_CARD_BYTES = CARD_BYTES + 384 * MEGABYTE
_KEPT_WITHIN_SECONDS = 120.0  # else the key came too early for a slow box; the next one calls
# What runs in the box: prints what is committed as soon as it is, as anybody could read it there.
_WATCH = """
import hashlib, json, pathlib, sqlite3, time
state = pathlib.Path("/var/lib/freizeichen")
db = sqlite3.connect(state / "freizeichen.db", timeout=30)
last = None
while True:
    messages = {}
    for caller, sound in db.execute("SELECT caller, sound FROM messages"):
        file = state / "spool" / sound
        messages[caller] = hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""
    now = {
        "office": db.execute("SELECT name FROM office").fetchone()[0],
        "messages": messages,
        "callbacks": sorted(row[0] for row in db.execute("SELECT number FROM callbacks")),
        "calls": sorted(row[0] for row in db.execute("SELECT call FROM calls WHERE outcome <> ''")),
    }
    if now != last:
        print(json.dumps(now), flush=True)
        last = now
    time.sleep(0.1)
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was committed, and how long the log was when somebody had read it."""

    log_bytes: int
    office: str
    messages: dict[str, str]
    callbacks: list[str]
    calls: list[str]


class People:
    """Callers two at a time, and an admin who goes on changing the office's name, until told to stop."""

    def __init__(self, card: Card, log: Path, callers: int, patience_seconds: float) -> None:
        self._card, self._log = card, log
        self._callers, self._patience_seconds = callers, patience_seconds
        self._next = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.seen: list[Seen] = []
        self.names = 0
        self.calls = 0

    def live(self) -> None:
        """Return when all have called."""
        watching = self._card.follow(self._card.as_supervisor(f"python3 -u -c {shlex.quote(_WATCH)}"))
        watcher = threading.Thread(target=self._watch, args=(watching,), daemon=True)
        watcher.start()
        admin = threading.Thread(target=self._change_settings, daemon=True)
        admin.start()
        callers = [threading.Thread(target=self._call, daemon=True) for _ in range(2)]
        for thread in callers:
            thread.start()
        for thread in callers:
            thread.join()
        self._over.set()
        admin.join()
        time.sleep(2)
        watching.kill()
        watcher.join()

    def _watch(self, watching: subprocess.Popen[str]) -> None:
        assert watching.stdout
        for line in watching.stdout:
            with suppress(ValueError):
                self.seen.append(Seen(self._log.stat().st_size, **json.loads(line)))

    def _change_settings(self) -> None:
        while not self._over.is_set():
            office = OFFICE.replace('"Musterbüro"', f'"Büro {self.names + 1}"')
            self._card.run(self._card.as_supervisor("cat > /tmp/office.toml"), given=office)
            self.names += 1
            self._card.run(self._card.as_supervisor("freizeichen config import /tmp/office.toml"))

    def _call(self) -> None:
        while True:
            with self._lock:
                number, self._next = self._next, self._next + 1
            if number >= self._callers:
                return
            caller = f"+49170{number + 1000000}"
            try:
                call = OutsideCall(
                    ("127.0.0.1", self._card.sip),
                    NUMBER,
                    seen_as=OUTSIDE,
                    answer_seconds=self._patience_seconds,
                    caller=caller,
                )
            except NotAnswered as error:
                raise CardError(f"{caller} is not answered: {error}") from error
            self.calls += 1
            if number % 2:
                self._order_callback(call)
            else:
                self._leave_message(call)
            call.hang_up()
            until = time.monotonic() + _KEPT_WITHIN_SECONDS
            while time.monotonic() < until and not self._has(caller):
                time.sleep(0.5)

    def _has(self, caller: str) -> bool:
        return bool(self.seen) and (caller in self.seen[-1].messages or caller in self.seen[-1].callbacks)

    @staticmethod
    def _order_callback(call: OutsideCall) -> None:
        """2 orders, 1 confirms the number that is read back; a key that comes too early does nothing."""
        for key in "2", "1":
            for _ in range(4):  # a second each: behind the greeting, into the number that is read back
                call.hears_speech(60)
            call.press(key)
        call.hears_speech(60)

    @staticmethod
    def _leave_message(call: OutsideCall) -> None:
        for _ in range(3):
            call.hears_speech(60)
            call.press("3")
        call.speaks(40)  # into the prompt first; a slow box hears only the end


class Looked:
    """Looks at cards as they were at a cut."""

    def __init__(self, folder: Path, base: Path, log: Path, tools: Tools) -> None:
        self._folder, self._base, self._log = folder, base, log
        self._tools = tools
        self.written = read_log(log)

    def data_partition(self, cut: int, chance: random.Random) -> Path:
        """The data partition after the plug was pulled there."""
        target = self._folder / "data"
        subprocess.run(["cp", "--sparse=always", self._base, target], check=True)
        with self._log.open("rb") as log:
            lay_over(target, log, kept(self.written, cut, chance), _DATA_AT)
        return target

    def complaints(self, data: Path, seen: Seen | None, names: int) -> list[str]:
        """What is wrong with a data partition on which this had been seen."""
        try:
            self._tools.run("e2fsck", "-p", data, good=(0, 1))
            self._tools.run("e2fsck", "-fn", data)
        except PreparationError as error:
            return [f"file system: {error}"]
        state = self._folder / "state"
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir()
        self._tools.run("debugfs", "-R", f"rdump /freizeichen {state}", data)
        try:
            return wrong_in(state / "freizeichen", seen, names)
        except (sqlite3.Error, OSError) as error:
            return [f"store: {error}"]


def wrong_in(state: Path, seen: Seen | None, names: int) -> list[str]:
    """What is wrong with a state folder on which `seen` had been confirmed, of `names` names begun."""
    found = []
    open_store(state / "freizeichen.db").close()
    with closing(sqlite3.connect(state / "freizeichen.db")) as db:
        if (said := db.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            found.append(f"store: {said}")
        if db.execute("PRAGMA foreign_key_check").fetchall():
            found.append("store: a foreign key leads nowhere")
        messages = list(db.execute("SELECT caller, sound FROM messages"))
        callbacks = [row[0] for row in db.execute("SELECT number FROM callbacks")]
        calls = [row[0] for row in db.execute("SELECT call FROM calls WHERE outcome <> ''")]
        office = next((row[0] for row in db.execute("SELECT name FROM office")), "")
    for what, keys in (("message", [m[0] for m in messages]), ("callback", callbacks), ("call", calls)):
        found += [f"{what} of {key} twice" for key, count in Counter(keys).items() if count > 1]
    sounds = {caller: _digest(state / "spool" / sound) for caller, sound in messages}
    found += [f"message of {caller} has no sound" for caller, digest in sounds.items() if not digest]
    if seen is None:
        return found
    found += [f"message of {caller} lost" for caller in set(seen.messages) - {m[0] for m in messages}]
    found += [
        f"message of {c} sounds otherwise" for c in sounds if seen.messages.get(c, sounds[c]) != sounds[c]
    ]
    found += [f"callback of {caller} lost" for caller in set(seen.callbacks) - set(callbacks)]
    found += [f"outcome of call {call} lost" for call in set(seen.calls) - set(calls)]
    if not number_in(seen.office) <= number_in(office) <= names:
        found.append(f"the office is called {office!r}, {seen.office!r} was confirmed")
    return found


def _digest(sound: Path) -> str:
    return hashlib.sha256(sound.read_bytes()).hexdigest() if sound.is_file() and sound.stat().st_size else ""


def number_in(office: str) -> int:
    """Which name of the admin's this is; 0 for the first."""
    return int(office.removeprefix("Büro ")) if office.startswith("Büro ") else 0


def chosen_cuts(written: Sequence[Written], begin: int, count: int, chance: random.Random) -> list[int]:
    """Where the plug is pulled: numbers of entries of the log behind byte `begin` of it, in order."""
    first = next((n for n, entry in enumerate(written) if entry.data_at >= begin), len(written))
    return sorted(chance.randint(first, len(written)) for _ in range(count))


def last_seen(seen: Sequence[Seen], log_bytes: int) -> Seen | None:
    """The newest that was confirmed before the log had this length."""
    return next((one for one in reversed(seen) if one.log_bytes <= log_bytes), None)


@click.command()
@click.argument("image", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=ROOT / ".image/cuts")
@click.option("--cuts", default=5, show_default=True, help="How often the plug is pulled.")
@click.option("--boots", default=1, show_default=True, help="How many of these cards are started afterwards.")
@click.option("--callers", default=8, show_default=True)
@click.option("--seed", type=int, help="Of an earlier run; by default one of its own.")
@click.option("--patience", default=900, show_default=True, help="How many seconds to wait for something.")
@click.option("--results", type=click.Path(path_type=Path, dir_okay=False), default=ROOT / ".image/cuts.json")
def main(
    image: Path | None,
    folder: Path,
    cuts: int,
    boots: int,
    callers: int,
    seed: int | None,
    patience: int,
    results: Path,
) -> None:
    """Pull the plug of the box at random moments and look at what is left.

    IMAGE is that of `make image`, or a card that is set up already ("set-up" in the folder of a failed run).
    """
    made = sorted((ROOT / ".image").glob("freizeichen-*.img.xz"))
    if image is None and not made:
        raise click.ClickException("There is no image in .image; make it with: make image")
    seed = random.SystemRandom().getrandbits(32) if seed is None else seed
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        told = run(image or made[-1], folder, (cuts, boots, callers), seed, patience)
    except CardError as error:
        raise click.ClickException(f"{error}\nLogs and card: {folder}") from error
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    click.echo(
        f"{results}: {told['cuts']} cuts, {told['boots']} of them started, {len(told['faults'])} faults"
    )
    if told["faults"]:
        raise click.ClickException("\n".join(map(str, told["faults"][:10])))
    shutil.rmtree(folder)


def run(
    source: Path, folder: Path, counts: tuple[int, int, int], seed: int, patience_seconds: float
) -> dict[str, Any]:
    """Live, be killed, be looked at; returns the results. `source` is an image, or a card that is set up."""
    cuts, boots, callers = counts
    click.echo(f"seed {seed}; {source.name}")
    file, log, base = folder / "card", folder / "log", folder / "base"
    is_image = ".img" in source.name
    if is_image:
        flashed(source, file, _CARD_BYTES)
    else:
        subprocess.run(["cp", "--sparse=always", source, file], check=True)
    card = Card(file, folder, patience_seconds)
    try:
        story = Story(card, source, Path(), patience_seconds)
        if is_image:
            click.echo(story.first_start(least_megabytes=300))
            click.echo(story.set_up())
            card.shut_down()
        else:
            card.allow_ssh()
        subprocess.run(["cp", "--sparse=always", file, folder / "set-up"], check=True)
        with file.open("rb") as whole, base.open("wb") as part:
            whole.seek(_DATA_AT)
            copy_sparsely(whole.read, part.seek, part.write)
            part.truncate(file.stat().st_size - _DATA_AT)
        card.boot(log)
        card.wait_for("ssh answers", lambda: card.run("true") == "")
        card.wait_for("all is started", story.nothing_waits)
        begin = log.stat().st_size
        people = People(card, log, callers, patience_seconds)
        click.echo(f"{callers} people call")
        people.live()
        card.pull_the_plug()
        with shown_progress("cuts") as progress:
            tools = Tools(folder, progress)
        looked = Looked(folder, base, log, tools)
        told = _look(looked, people, (begin, cuts, seed))
        _start(card, looked, story, told, boots, seed)
        return told
    finally:
        card.pull_the_plug()


def _look(looked: Looked, people: People, wanted: tuple[int, int, int]) -> dict[str, Any]:
    begin, cuts, seed = wanted
    written, faults = looked.written, []
    places = chosen_cuts(written, begin, cuts, random.Random(seed))
    confirmed = Counter[str]()
    for number, cut in enumerate(places):
        data = looked.data_partition(cut, random.Random(f"{seed} {number}"))
        end = written[cut - 1].data_at + written[cut - 1].length
        seen = last_seen(people.seen, end)
        if seen:
            kinds = {"messages": seen.messages, "callbacks": seen.callbacks, "calls": seen.calls}
            confirmed.update({kind: len(ones) for kind, ones in kinds.items()})
        found = looked.complaints(data, seen, people.names)
        faults += [{"cut": cut, "number": number, "what": what} for what in found]
        if number % 10 == 9:
            click.echo(f"{number + 1} cuts, {len(faults)} faults")
    bytes_written = sum(entry.length for entry in written if entry.data_at >= begin)
    last = people.seen[-1]
    return {
        **{"seed": seed, "cuts": cuts, "boots": 0, "faults": faults, "places": places},
        **{"writes": len(written), "flushes": sum(entry.is_flush for entry in written)},
        **{"calls": people.calls, "settings": people.names, "kilobytes_written": bytes_written // 1024},
        **{"messages": len(last.messages), "callbacks": len(last.callbacks)},
        "confirmed_and_looked_for": dict(confirmed),
    }


def _start(card: Card, looked: Looked, story: Story, told: dict[str, Any], boots: int, seed: int) -> None:
    """Some of the cards in the machine: a call is answered, the ledger is right."""
    for number in random.Random(seed).sample(range(len(told["places"])), min(boots, len(told["places"]))):
        data = looked.data_partition(told["places"][number], random.Random(f"{seed} {number}"))
        with data.open("rb") as part, card.file.open("r+b") as whole:
            size = card.file.stat().st_size
            whole.truncate(_DATA_AT)
            whole.truncate(size)
            whole.seek(_DATA_AT)
            copy_sparsely(part.read, whole.seek, whole.write)
        card.boot()
        story.is_answered()
        card.wait_for("ssh answers", lambda: card.run("true") == "")
        card.wait_for("all is started", story.nothing_waits)
        checked = json.loads(card.run(card.as_supervisor("freizeichen ledger check --json")))
        told["faults"] += [{"number": number, "what": what} for what in checked["faults"]]
        told["boots"] += 1
        click.echo(f"started after cut {number}: a call is answered, {len(checked['faults'])} faults")
        card.pull_the_plug()


def copy_sparsely(
    read: Callable[[int], bytes], seek: Callable[[int, int], int], write: Callable[[bytes], int]
) -> None:
    """Copy until the end; what is zero takes no room."""
    while block := read(MEGABYTE):
        if block.strip(b"\0"):
            write(block)
        else:
            seek(len(block), 1)


if __name__ == "__main__":
    main()
