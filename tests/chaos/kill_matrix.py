"""The kill matrix: supervisor, Asterisk or page is killed at each step of a call; what the caller notices.

Real calls. At a step (greeting, menu, waiting, ringing, talking, leaving a message, callback promised, being
called back) a process gets a SIGKILL; then the caller goes on wishing what he wished (to talk, a callback, to
leave a message). The page and the supervisor may die without him noticing; Asterisk's death cuts him off, and
then the ledger must know how his call ended, and what had been promised must stand.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from appliance.hotline.presence import Presence
from appliance.simulator.exchange import Caller, NotHappened
from appliance.simulator.office import SimulatedOffice, free_port
from appliance.store import people, times
from appliance.telephony.prompts.speech import speech_file
from tests.bench.comparing import Figure
from tests.chaos.chaos import Chaos

TITLE = "Kill matrix"
SUPPORT, MAIN = "0931 555-10", "0931 555-0"
VOICE = speech_file("unassigned-number", "en")
_OFFICE = """
[office]
name = "Musterbüro"
language = "de"
country = "DE"
area_code = "0931"
time_zone = "Europe/Berlin"
retention_days = 90
mailbox = "buero@musterbuero.example"

[mail]
host = "127.0.0.1"
port = 25
security = "none"
user = ""
password = ""
sender = "anrufe@musterbuero.example"

[[department]]
name = "main"
title = "Zentrale"
language = "de"
mailbox = "buero@musterbuero.example"
numbers = ["0931 555-0"]
hours = "always"
menu = { 1 = "support", 2 = "sales" }

[[department]]
name = "support"
title = "Technik"
language = "de"
mailbox = "technik@musterbuero.example"
numbers = ["0931 555-10"]
hours = "always"
ring_seconds = 20
wrap_up_seconds = 0
message_seconds = 30

[[department]]
name = "sales"
title = "Verkauf"
language = "de"
mailbox = "verkauf@musterbuero.example"
numbers = ["0931 555-20"]
hours = "always"
menu_prompt = "menu-accounting"

[[phone]]
name = "desk_1"
extension = "21"
secret = "geheim-desk-1"

[[agent]]
name = "anna"
title = "Anna Berg"
phone = "desk_1"
departments = ["support"]
languages = ["de"]
"""


@dataclass(slots=True)
class Scene:
    """One caller in the office, and what he has experienced."""

    office: SimulatedOffice
    caller: Caller
    heard: list[str]

    @property
    def call(self) -> str:
        """His call's number."""
        return self.office.call_of(self.caller)

    def anna(self, presence: str) -> None:
        """The agent says so."""
        self.office.sets("anna", presence)

    def talks(self, *, rung: bool = False) -> None:
        """The agent answers, and hears him."""
        desk = self.office.desk("anna")
        if not rung:
            desk.rings(timeout_seconds=40)
        desk.answers()
        self.caller.says(VOICE)
        desk.hears_sound(VOICE)
        self.heard.append("talks with the agent")
        desk.hangs_up()
        self.caller.waits_until_cut_off()

    def leaves_message(self) -> None:
        """He speaks, and is thanked."""
        self.caller.hears("leave-message", timeout_seconds=40)
        self.speaks()

    def speaks(self) -> None:
        """He says something, and is thanked for it."""
        self.caller.says(VOICE)
        self.caller.presses("#")
        self.caller.hears("message-thanks")
        self.heard.append("is thanked for his message")
        self.caller.waits_until_cut_off()


Step = Callable[[Scene], None]


def greeting(scene: Scene) -> None:
    scene.anna("available")
    scene.caller.dials(SUPPORT)
    scene.caller.is_answered()


def greeting_nobody(scene: Scene) -> None:
    scene.caller.dials(SUPPORT)
    scene.caller.is_answered()


def menu(scene: Scene) -> None:
    scene.anna("available")
    scene.caller.dials(MAIN)
    scene.caller.hears("menu-support")


def waiting(scene: Scene) -> None:
    scene.anna("available")
    other = scene.office.caller("+491709999999")
    other.dials(SUPPORT)
    scene.office.desk("anna").answers()
    scene.caller.dials(SUPPORT)
    scene.caller.hears("all-busy", timeout_seconds=40)
    scene.caller.hears_music(timeout_seconds=60)


def ringing(scene: Scene) -> None:
    scene.anna("available")
    scene.caller.dials(SUPPORT)
    scene.office.desk("anna").rings(timeout_seconds=40)


def talking(scene: Scene) -> None:
    ringing(scene)
    scene.office.desk("anna").answers()
    scene.office.reaches(scene.call, "talks anna")


def recording(scene: Scene) -> None:
    scene.caller.dials(SUPPORT)
    scene.caller.hears("offer-callback", timeout_seconds=40)
    scene.caller.presses("3")
    scene.caller.hears("leave-message")
    file = scene.office.settings.recordings / f"{scene.call}.wav"
    scene.office.wait_for("the recording begins", file.exists)


def promised(scene: Scene) -> None:
    scene.caller.dials(SUPPORT)
    scene.caller.hears("offer-callback", timeout_seconds=40)
    scene.caller.presses("2")
    scene.caller.hears("callback-to")
    scene.caller.presses("1")
    scene.office.reaches(scene.call, "callback promised")


def called_back(scene: Scene) -> None:
    promised(scene)
    scene.caller.waits_until_cut_off()
    # Not by her lamp: she is rung at once, so that it is green for no time.
    people.set_presence(scene.office.db, "anna", Presence.AVAILABLE, "command", times.now())
    scene.office.desk("anna").rings(timeout_seconds=40)


def then_talks(scene: Scene) -> None:
    scene.talks()


def then_chooses_and_talks(scene: Scene) -> None:
    scene.caller.presses("1")
    scene.talks()


def then_talks_when_free(scene: Scene) -> None:
    scene.office.desk("anna").hangs_up()
    scene.talks()


def then_answers(scene: Scene) -> None:
    scene.talks(rung=True)


def then_goes_on_talking(scene: Scene) -> None:
    desk = scene.office.desk("anna")
    scene.caller.says(VOICE)
    desk.hears_sound(VOICE)
    scene.heard.append("notices nothing")
    desk.hangs_up()
    scene.caller.waits_until_cut_off()


def then_leaves_message(scene: Scene) -> None:
    scene.leaves_message()


def then_presses_three(scene: Scene) -> None:
    scene.caller.presses("3")
    scene.leaves_message()


def then_speaks(scene: Scene) -> None:
    scene.speaks()


def then_hears_the_promise(scene: Scene) -> None:
    scene.caller.hears("callback-promised")
    scene.heard.append("hears the promise")
    scene.caller.waits_until_cut_off()


def then_nothing(scene: Scene) -> None:
    scene.heard.append("is owed the callback still")


# Step, wish, how it is reached, how the caller goes on, outcome of his call ('' while he is owed a callback).
CELLS: list[tuple[str, str, Step, Step, str]] = [
    ("greeting", "talk", greeting, then_talks, "talked"),
    ("greeting", "leave a message", greeting_nobody, then_leaves_message, "message"),
    ("menu", "talk", menu, then_chooses_and_talks, "talked"),
    ("waiting", "talk", waiting, then_talks_when_free, "talked"),
    ("waiting", "leave a message", waiting, then_presses_three, "message"),
    ("ringing", "talk", ringing, then_answers, "talked"),
    ("talking", "talk", talking, then_goes_on_talking, "talked"),
    ("leaving a message", "leave a message", recording, then_speaks, "message"),
    ("callback promised", "be called back", promised, then_hears_the_promise, ""),
    ("being called back", "be called back", called_back, then_nothing, ""),
]
_VICTIMS = ("supervisor", "page", "asterisk")


def measured(chaos: Chaos) -> list[Figure]:
    """Every victim at every step, each in an office of its own."""
    figures = []
    cells = [(victim, cell) for victim in _VICTIMS for cell in CELLS]
    for number, (victim, cell) in enumerate(cells[: chaos.size]):
        chaos.progress(f"{TITLE}: {victim}, {cell[0]}", 100 * number // len(cells))
        folder = chaos.folder / str(number)
        held, seen = play(chaos, folder, victim, *cell)
        shutil.rmtree(folder, ignore_errors=True)
        figures.append(Figure(f"{victim} killed: {cell[0]}, wish: {cell[1]}", int(held), "", at_least=1,
                              seen=seen.replace("|", "/")[:200]))  # fmt: skip
    return figures


def play(
    chaos: Chaos, folder: Path, victim: str, step: str, wish: str, reach: Step, go_on: Step, outcome: str
) -> tuple[bool, str]:
    """One cell: whether the wish was granted or, cut off, everything is accounted for; and what was seen."""
    office = SimulatedOffice(folder, _OFFICE, chaos.program())
    page = None
    try:
        office.start()
        page = _start_page(office) if victim == "page" else None
        scene = Scene(office, office.caller("+491701234567"), [])
        reach(scene)
        if victim == "asterisk":
            return _asterisk_dies(scene, step, outcome)
        if page is not None:
            page.send_signal(signal.SIGKILL)
            page.wait()
        else:
            office.kill_supervisor()
        go_on(scene)
        if victim == "supervisor":
            office.start_supervisor()
        return _accounted_for(scene, outcome)
    except NotHappened as error:
        return False, f"{wish}: {str(error).splitlines()[0]}"
    finally:
        if page is not None and page.poll() is None:
            page.kill()
            page.wait()
        with suppress(OSError):
            office.stop()


def _asterisk_dies(scene: Scene, step: str, outcome: str) -> tuple[bool, str]:
    """He is cut off. What he had is kept: conversation, place, promise, what he had said so far."""
    people.send_everybody_home(scene.office.db, "test", times.now())
    scene.office.asterisk_restarts()
    scene.heard.append("cut off" if step != "being called back" else "is owed the callback still")
    if outcome:
        found = scene.office.outcome(scene.call, timeout_seconds=40)
        return True, f"{', '.join(scene.heard)}; outcome: {found}"
    return _accounted_for(scene, outcome)


def _accounted_for(scene: Scene, outcome: str) -> tuple[bool, str]:
    heard = ", ".join(scene.heard)
    if outcome:
        found = scene.office.outcome(scene.call, timeout_seconds=40)
        if outcome == "message":
            scene.office.mail_arrives(timeout_seconds=40)
        mails = len(scene.office.mail_server.mails)
        return found == outcome and mails == (
            outcome == "message"
        ), f"{heard}; outcome: {found}; {mails} mails"
    owed = "SELECT count(*) FROM callbacks WHERE closed_at = '' AND state = 'waiting'"
    scene.office.wait_for(
        "the callback is owed", lambda: scene.office.db.execute(owed).fetchone()[0] == 1, timeout_seconds=60
    )
    return True, f"{heard}; 1 callback is owed"


def _start_page(office: SimulatedOffice) -> subprocess.Popen[bytes]:
    port = free_port()
    return subprocess.Popen(
        [sys.executable, "-m", "appliance.cli", "--state", str(office.settings.state), "web",
         "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )  # fmt: skip
