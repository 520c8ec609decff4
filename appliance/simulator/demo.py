"""The demo: three calls and their stories on real Asterisk, then an office one can play with."""

from __future__ import annotations

import contextlib
import itertools
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

from rich.console import Console

from appliance.language import say
from appliance.simulator.demo_folder import DemoRefused, demo_folder
from appliance.simulator.exchange import Caller, DeskPhone, HeardPrompt, NotHappened
from appliance.simulator.office import SimulatedOffice
from appliance.store import times, users
from appliance.telephony.asterisk import AsteriskError
from appliance.telephony.debian_archive import PreparationError
from appliance.telephony.manager import ManagerError
from appliance.telephony.prompts.catalogue import load_catalogue
from appliance.telephony.prompts.speech import speech_file
from appliance.telephony.sandbox import ensure_asterisk, shown_progress

EXAMPLE = Path(__file__).parent.parent / "config_example.toml"
_SUPPORT = "0931 555-10"
_VOICE_OF_CALLER = speech_file("message-failed", "en")  # any sentence will do: it is recognised by its sound
_VOICE_OF_AGENT = speech_file("presence-offline", "en")
_RING_FOR_SECONDS = 4.0
_TALK_FOR_SECONDS = 15.0
_HERE = "127.0.0.1"
USUAL_PORT = 8080
_VISITOR = "demo"  # who is signed in by the link that the demo prints
_DOWN_FOR_SECONDS = 2.0  # long enough to see what goes on without the part that died
_LOOK_EVERY_SECONDS = 0.2

# Those who call from the page. The numbers are of the range kept free for films.
CALLERS = (
    ("+493023125011", "Heike Vogt"),
    ("+493023125022", "Jürgen Groß"),
    ("+493023125033", "Ayşe Yılmaz"),
    ("+493023125044", "Matthias Kühn"),
    ("+493023125055", "Sabine Lorenz"),
    ("+493023125066", "Uwe Brandt"),
    ("+493023125077", "Katharina Weiß"),
    ("+493023125088", "Tomasz Nowak"),
    ("+493023125099", "Birgit Schäfer"),
    ("+493023125110", "Dieter Möller"),
)


def run_demo(folder: Path, *, once: bool, port: int | None) -> int:
    """Run the demo in `folder` (made afresh); returns the exit status: 0 when the story came true.

    Without a port the page takes the usual one or, when that is taken, a free one.
    """
    console = Console(highlight=False, soft_wrap=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(demo_folder(folder))
            page = None if once else stack.enter_context(page_port(console, port))
            with shown_progress() as progress:
                program = ensure_asterisk(progress)
            office = SimulatedOffice(folder, EXAMPLE.read_text(encoding="utf-8"), program)
        except (DemoRefused, PreparationError, OSError) as error:
            console.print(str(error), style="red", markup=False)
            return 1
        return _play(console, office, page)


def page_port(console: Console, port: int | None) -> socket.socket:
    """Take the page's port before the story begins, so that the address it ends with is ours.

    Raises DemoRefused when the port that was asked for cannot be had.
    """
    try:
        return socket.create_server((_HERE, USUAL_PORT if port is None else port))
    except OSError as error:
        if port is not None:
            raise DemoRefused(
                say(
                    f"Port {port} ist nicht zu haben: {error.strerror}. Bitte einen anderen nennen (--port).",
                    f"Port {port} cannot be had: {error.strerror}. Name another one (--port).",
                )
            ) from error
    console.print(
        say(
            f"Port {USUAL_PORT} ist belegt; die Seite bekommt einen freien.",
            f"Port {USUAL_PORT} is taken; the page gets a free one.",
        )
    )
    return socket.create_server((_HERE, 0))


def _play(console: Console, office: SimulatedOffice, page: socket.socket | None) -> int:
    """Tell the story, then stay up if there is a page; everything is stopped afterwards."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        Narrator(console, office).tell()
        if page is not None:
            _stay_up(console, office, page)
    except KeyboardInterrupt:
        console.print()
    except (NotHappened, AsteriskError) as error:
        console.print(str(error), style="red", markup=False)
        console.print(say("Protokolle:", "Logs:"), str(office.folder), markup=False)
        return 1
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # it is ending already
        office.stop()
    return 0


class Narrator:
    """Plays three calls and says what happens, each sentence only when it has happened."""

    def __init__(self, console: Console, office: SimulatedOffice) -> None:
        self._console = console
        self._office = office
        self._prompts = load_catalogue()
        self._began_at = time.monotonic()

    def tell(self) -> None:
        """Start the office and tell the calls. Raises NotHappened when the story does not come true."""
        office = self._office
        office.start()
        self._says(
            say(
                f"Die Box läuft: Asterisk {office.program.version}, Steuerung, Telefone, Mailserver.",
                f"The box is up: Asterisk {office.program.version}, supervisor, phones, mail server.",
            )
        )
        office.presses("agent:anna")
        office.lamp_is("agent:anna", "green")
        self._says(
            say(
                "Anna drückt ihre Taste: erreichbar, die Lampe ist grün.",
                "Anna presses her button: available, her lamp is green.",
            )
        )
        first = self._first_call()
        self._second_call()
        third = self._third_call()
        self._office.desk("anna").hangs_up()
        first.waits_until_cut_off()
        self._says(
            say(
                "Anna legt auf; ein paar Sekunden gehören der Nachbearbeitung.",
                "Anna hangs up; some seconds are hers for wrap-up.",
            )
        )
        self._callback(third)
        self._balance()

    def _first_call(self) -> Caller:
        office = self._office
        caller, desk = office.caller("+4917012345678", "Erika Muster"), office.desk("anna")
        self._title(say("Der erste Anruf", "The first call"))
        caller.dials(_SUPPORT)
        self._says(
            say(
                f"{caller.name} ({caller.number}) wählt {_SUPPORT}: Technik.",
                f"{caller.name} ({caller.number}) dials {_SUPPORT}: Technik.",
            )
        )
        heard = self._hears(caller, "greeting")
        ringing = desk.rings()
        delay = ringing.started_at - heard.ended_at
        self._says(
            say(
                f"Annas Telefon klingelt {delay * 1000:.0f} ms danach und zeigt „{ringing.shown_name}“.",
                f"Anna's phone rings {delay * 1000:.0f} ms later and shows “{ringing.shown_name}”.",
            )
        )
        self._hears(caller, "connecting", after=heard)
        desk.answers()
        caller.says(_VOICE_OF_CALLER)
        desk.hears_sound(_VOICE_OF_CALLER)
        desk.says(_VOICE_OF_AGENT)
        caller.hears_sound(_VOICE_OF_AGENT)
        office.lamp_is("agent:anna", "red")
        self._says(
            say(
                "Anna und Erika sprechen: jede hat die andere gehört. Annas Lampe ist rot.",
                "Anna and Erika talk: each has heard the other. Anna's lamp is red.",
            )
        )
        return caller

    def _second_call(self) -> None:
        office = self._office
        caller = office.caller("+499317654321", "Otto Normal")
        self._title(say("Der zweite Anruf findet niemanden frei", "The second call finds nobody free"))
        caller.dials(_SUPPORT)
        self._says(
            say(
                f"{caller.name} ({caller.number}) wählt {_SUPPORT}.",
                f"{caller.name} ({caller.number}) dials {_SUPPORT}.",
            )
        )
        self._hears(caller, "greeting")
        self._hears(caller, "all-busy")
        caller.presses("3")
        self._says(say("Otto drückt die 3: eine Nachricht.", "Otto presses 3: a message."))
        self._hears(caller, "leave-message")
        caller.says(_VOICE_OF_CALLER)
        caller.presses("#")
        self._hears(caller, "message-thanks")
        caller.waits_until_cut_off()
        self._mail(office.mail_arrives())

    def _third_call(self) -> Caller:
        caller = self._office.caller("+4917155555555", "Ida Gut")
        self._title(say("Der dritte lässt sich zurückrufen", "The third is to be called back"))
        caller.dials(_SUPPORT)
        self._says(
            say(
                f"{caller.name} ({caller.number}) wählt {_SUPPORT}.",
                f"{caller.name} ({caller.number}) dials {_SUPPORT}.",
            )
        )
        heard = self._hears(caller, "all-busy")
        heard = self._hears(caller, "position-1", after=heard)
        caller.presses("2")
        heard = self._hears(caller, "callback-to", after=heard)
        caller.hears_digits("0" + caller.number.removeprefix("+49"), after=heard)
        caller.presses("1")
        self._hears(caller, "callback-promised")
        caller.waits_until_cut_off()
        return caller

    def _callback(self, caller: Caller) -> None:
        office, desk = self._office, self._office.desk("anna")
        shown = desk.rings(60).shown_name
        self._says(say(f"Annas Telefon klingelt: „{shown}“.", f"Anna's phone rings: “{shown}”."))
        desk.answers()
        desk.presses("1")
        customer = office.customer(caller.number)
        customer.answers()
        self._says(say(f"{caller.name} wird angerufen.", f"{caller.name} is called."))
        customer.hears("customer-callback")
        customer.presses("1")
        office.reaches(office.call_of(caller), "talks anna")
        customer.says(_VOICE_OF_CALLER)
        desk.hears_sound(_VOICE_OF_CALLER)
        self._says(say("Anna und Ida sprechen.", "Anna and Ida talk."))
        customer.hangs_up()

    def _mail(self, mail: EmailMessage) -> None:
        self._says(say(f"Die Mail ist da, an {mail['To']}:", f"The mail is there, to {mail['To']}:"))
        self._console.print(f"           [bold]{mail['Subject']}[/]")
        body = mail.get_body(("plain",))
        for line in (body.get_content() if body else "").strip().splitlines():
            self._console.print(f"           {line}", markup=False)
        for part in mail.iter_attachments():
            size = len(part.get_payload(decode=True) or b"")
            self._console.print(f"           + {part.get_filename()} ({size / 1000:.1f} kB)", markup=False)

    def _balance(self) -> None:
        office = self._office
        office.wait_for(
            "every call has its outcome",
            lambda: len(office.db.execute("SELECT 1 FROM calls WHERE outcome <> ''").fetchall()) >= 3,
        )
        status, report = office.command("ledger", "check")
        if status:
            raise NotHappened(f"the ledger does not balance: {report}")
        outcomes = ", ".join(f"{count} × {outcome}" for outcome, count in report["outcomes"].items())
        self._title(say("Kein Anrufer ging verloren", "No caller was lost"))
        self._says(f"freizeichen ledger check: {outcomes}")

    def _hears(self, caller: Caller, prompt: str, *, after: HeardPrompt | None = None) -> HeardPrompt:
        heard = caller.hears(prompt, after=after)
        sentence = self._prompts[prompt].texts["de"]
        self._says(
            say(
                f"{caller.name} hört: „{sentence}“ (am Ohr zu {heard.likeness:.0%} erkannt)",
                f"{caller.name} hears: “{sentence}” ({heard.likeness:.0%} recognised at the ear)",
            )
        )
        return heard

    def _title(self, text: str) -> None:
        self._console.print(f"\n[bold]{text}[/]")

    def _says(self, text: str) -> None:
        self._console.print(f"  {time.monotonic() - self._began_at:6.1f} s  {text}", markup=False)


class People:
    """Lets the simulated people act by themselves while somebody plays with the page."""

    def __init__(self, office: SimulatedOffice) -> None:
        self._office = office
        self._callers = itertools.cycle(CALLERS)
        self._desks = [office.exchange.phone(name) for name in office.phone_names()]
        self._ending = threading.Event()
        self._agents = threading.Thread(target=self._agents_pick_up, daemon=True)
        self._agents.start()

    def place_call(self, number: str) -> None:
        """The next caller dials this number, in a thread of its own."""
        caller = self._office.caller(*next(self._callers))
        threading.Thread(target=self._call, args=(caller, number), daemon=True).start()

    def end(self) -> None:
        """Let the agents stop what they do; callers end with the program."""
        self._ending.set()
        self._agents.join()

    def _call(self, caller: Caller, number: str) -> None:
        """One call; leaves a message when asked to."""
        with contextlib.suppress(NotHappened, ManagerError):  # talked to somebody, hung up, or was cut off
            caller.dials(number)
            caller.hears("leave-message", timeout_seconds=300)
            caller.says(_VOICE_OF_CALLER)
            caller.presses("#")

    def _agents_pick_up(self) -> None:
        while not self._ending.wait(_LOOK_EVERY_SECONDS):
            for desk in self._desks:
                with contextlib.suppress(NotHappened, ManagerError):  # the call is gone, or Asterisk is
                    self._attend(desk)

    def _attend(self, desk: DeskPhone) -> None:
        if (leg := desk.current) is None:
            return
        if leg.answered_at is None and time.time() - leg.started_at > _RING_FOR_SECONDS:
            desk.answers()
            desk.begins_to_say(_VOICE_OF_AGENT)
        elif leg.answered_at and time.time() - leg.answered_at > _TALK_FOR_SECONDS:
            desk.hangs_up()


@dataclass(frozen=True, slots=True)
class Part:
    """Something of the demo that may die: how it is called, whether it runs, how it starts again."""

    german: str
    english: str
    runs: Callable[[], bool]
    start: Callable[[], None]


class Caretaker:
    """Starts again what died, so that whoever pulls a plug on purpose can watch that nothing is lost.

    Use it in the thread that started the office: its processes end together with that thread.
    """

    def __init__(self, console: Console, parts: Sequence[Part]) -> None:
        self._console = console
        self._parts = parts

    def look(self) -> None:
        """Start what has died, after a while. Raises AsteriskError or NotHappened when it will not start."""
        for part in self._parts:
            if part.runs():
                continue
            self._says(
                say(
                    f"{part.german} ist weg und wird in {_DOWN_FOR_SECONDS:g} s wieder gestartet.",
                    f"{part.english} is gone and will be started again in {_DOWN_FOR_SECONDS:g} s.",
                )
            )
            time.sleep(_DOWN_FOR_SECONDS)
            part.start()
            self._says(say(f"{part.german} läuft wieder.", f"{part.english} runs again."))

    def _says(self, text: str) -> None:
        self._console.print(f"  {time.strftime('%H:%M:%S')}  {text}", markup=False)


def parts_of(office: SimulatedOffice) -> tuple[Part, ...]:
    """What of an office somebody may want to see die."""
    box, exchange = office.asterisk, office.exchange
    return (
        Part("Die Steuerung", "The supervisor", lambda: office.supervisor_runs, office.start_supervisor),
        Part("Das Asterisk der Box", "The box's Asterisk", lambda: box.is_running, box.start),
        Part(
            "Die Vermittlungsstelle",
            "The exchange",
            lambda: exchange.asterisk.is_running,
            exchange.start_again,
        ),
    )


def _stay_up(console: Console, office: SimulatedOffice, page: socket.socket) -> None:
    """Show the page on the port taken for it, and start again what dies, until Ctrl-C."""
    from appliance.office_page import office_page
    from webui import serve

    people = People(office)
    app = office_page(office.settings, place_call=people.place_call)
    users.set_user(office.db, _VISITOR, "admin")
    key = users.new_link(office.db, "sign in", times.now() + timedelta(days=1), _VISITOR)
    port = page.getsockname()[1]
    page.close()
    server = serve(app, _HERE, port)
    console.print(
        "\n"
        + say("Die Box bleibt an. Frontplatte und Anrufe:", "The box stays up. Front panel and calls:")
        + f" [bold]{server.url}sign-in/{key}[/]   "
        + say("(Ende mit Strg-C)", "(end with Ctrl-C)")
    )
    caretaker = Caretaker(console, parts_of(office))
    try:
        while True:
            time.sleep(_LOOK_EVERY_SECONDS)
            caretaker.look()
    finally:
        server.close()
        people.end()
