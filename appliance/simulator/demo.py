"""The demo: two calls and their stories on real Asterisk, then an office one can play with."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

from rich.console import Console

from appliance.language import say
from appliance.simulator.exchange import Caller, HeardPrompt, NotHappened
from appliance.simulator.office import SimulatedOffice
from appliance.telephony.asterisk import AsteriskError
from appliance.telephony.debian_archive import PreparationError
from appliance.telephony.prompts.catalogue import load_catalogue
from appliance.telephony.prompts.speech import speech_file
from appliance.telephony.sandbox import ensure_asterisk, shown_progress

EXAMPLE = Path(__file__).parent.parent / "config_example.toml"
_SUPPORT = "0931 555-10"
_VOICE_OF_CALLER = speech_file("message-failed", "en")  # any sentence will do: it is recognised by its sound
_VOICE_OF_AGENT = speech_file("presence-offline", "en")
_RING_FOR_SECONDS = 4.0
_TALK_FOR_SECONDS = 15.0


def run_demo(folder: Path, *, once: bool, port: int) -> int:
    """Run the demo in `folder` (made afresh); returns the exit status: 0 when the story came true."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        with shown_progress() as progress:
            program = ensure_asterisk(progress)
        shutil.rmtree(folder, ignore_errors=True)
        office = SimulatedOffice(folder, EXAMPLE.read_text(encoding="utf-8"), program)
    except (PreparationError, OSError) as error:
        console.print(f"[red]{error}[/]")
        return 1
    try:
        Narrator(console, office).tell()
        if not once:
            _stay_up(console, office, port)
    except KeyboardInterrupt:
        console.print()
    except (NotHappened, AsteriskError) as error:
        console.print(f"[red]{error}[/]", say("Protokolle:", "Logs:"), str(folder))
        return 1
    finally:
        office.stop()
    return 0


class Narrator:
    """Plays two calls and says what happens, each sentence only when it has happened."""

    def __init__(self, console: Console, office: SimulatedOffice) -> None:
        self._console = console
        self._office = office
        self._prompts = load_catalogue()
        self._began_at = time.monotonic()

    def tell(self) -> None:
        """Start the office and tell both calls. Raises NotHappened when the story does not come true."""
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
        self._office.desk("anna").hangs_up()
        first.waits_until_cut_off()
        self._says(say("Anna legt auf.", "Anna hangs up."))
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
            "both calls have their outcome",
            lambda: len(office.db.execute("SELECT 1 FROM calls WHERE outcome <> ''").fetchall()) >= 2,
            15,
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
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._desks = [office.exchange.phone(name) for name in office.phone_names()]
        self._in_background(self._agents_pick_up)

    def place_call(self, number: str) -> None:
        """A new caller dials this number; leaves a message when asked to."""
        caller = self._office.caller(f"+49170{secrets.randbelow(10**7):07d}", "Anrufer von der Seite")
        caller.dials(number)
        self._in_background(lambda: self._behave(caller))

    def end(self) -> None:
        """Let everybody stop what they do."""
        self._ending.set()
        for thread in self._threads:
            thread.join(5)

    def _in_background(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _behave(self, caller: Caller) -> None:
        try:
            caller.hears("leave-message", timeout_seconds=300)
            caller.says(_VOICE_OF_CALLER)
            caller.presses("#")
        except NotHappened:
            return  # this one talked to somebody, or hung up

    def _agents_pick_up(self) -> None:
        while not self._ending.wait(0.2):
            for desk in self._desks:
                if (leg := desk.current) is None:
                    continue
                if leg.answered_at is None and time.time() - leg.started_at > _RING_FOR_SECONDS:
                    desk.answers()
                    desk.begins_to_say(_VOICE_OF_AGENT)
                elif leg.answered_at and time.time() - leg.answered_at > _TALK_FOR_SECONDS:
                    desk.hangs_up()


def _stay_up(console: Console, office: SimulatedOffice, port: int) -> None:
    """Show the page until Ctrl-C."""
    from webui import create_app
    from webui.server import serve

    people = People(office)
    app = create_app(office.settings.store, place_call=people.place_call, secret_key=secrets.token_hex(16))
    server = serve(app, "127.0.0.1", port)
    console.print(
        "\n"
        + say("Die Box bleibt an. Frontplatte und Anrufe:", "The box stays up. Front panel and calls:")
        + f" [bold]http://127.0.0.1:{server.port}/[/]   "
        + say("(Ende mit Strg-C)", "(end with Ctrl-C)")
    )
    try:
        threading.Event().wait()
    finally:
        server.close()
        people.end()
