"""Messages: kept before thanks are said, mailed once, however long the mail server is away."""

from __future__ import annotations

import shutil
import wave
from collections.abc import Callable

from appliance.simulator import hearing
from appliance.simulator.office import SimulatedOffice
from appliance.telephony.prompts.sounds import samples
from tests.calls.conftest import OFFICE, chooses_message
from tests.calls.test_first_call import VOICE_OF_AGENT, VOICE_OF_CALLER

CLOSED_OFFICE = OFFICE.replace('mon-sun = "00:00-24:00"', '"2020-01-01..2099-12-31" = "closed"')


def leaves_a_message(office: SimulatedOffice, number: str = "0931 555-10") -> str:
    """A caller leaves a message with nobody present; returns the call."""
    caller = office.caller()
    caller.dials(number)
    chooses_message(caller, "de" if number.endswith("10") else "en")
    caller.says(VOICE_OF_CALLER)
    caller.presses("#")
    caller.waits_until_cut_off()
    return office.call_of(caller)


def test_what_was_said_is_what_is_kept(office: SimulatedOffice) -> None:
    call = leaves_a_message(office)
    kept = office.settings.spool / "messages" / f"{call}.wav"
    with wave.open(str(kept)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        seconds = file.getnframes() / file.getframerate()
    voice = hearing.sound(samples(VOICE_OF_CALLER))
    assert hearing.find(hearing.sound(samples(kept))[4000:-4000], voice) is not None
    assert abs(seconds - len(voice) / hearing.RATE) < 1.0, "silence is trimmed"
    assert not list(office.settings.recordings.iterdir())


def test_a_mail_server_away_for_a_while_gets_it_later_and_once(office: SimulatedOffice) -> None:
    office.mail_server.stop()
    call = leaves_a_message(office)
    assert office.outcome(call) == "message"
    office.lamp_is("message", "on")
    office.wait_for(
        "an attempt has failed",
        lambda: office.db.execute("SELECT 1 FROM outbox WHERE attempts > 0").fetchone(),
    )
    status, report = office.command("status")
    assert status == 1
    assert report["messages_undelivered"] == 1
    assert any("mail server" in problem or "Mailserver" in problem for problem in report["problems"])
    office.stop_supervisor()
    office.db.execute("UPDATE outbox SET next_attempt_at = created_at")  # the minute's pause is over
    office.mail_server.start()
    office.start_supervisor()
    office.mail_arrives()
    office.lamp_is("message", "off")
    leaves_a_message(office, "0931 555-20")
    office.mail_arrives(2)
    assert [mail["To"] for mail in office.mail_server.mails] == [
        "technik@musterbuero.example",
        "office@musterbuero.example",
    ]


def test_closed_is_said_and_a_message_taken(make_office: Callable[..., SimulatedOffice]) -> None:
    office = make_office(CLOSED_OFFICE)
    office.sets("anna", "available")
    office.wait_for(
        "the office is closed",
        lambda: (
            office.db.execute("SELECT state FROM opening WHERE department = 'office'").fetchone()
            == ("closed",)
        ),
    )
    caller = office.caller()
    caller.dials("0931 555-20")
    told = caller.hears("closed", language="en", after=caller.hears("greeting", language="en"))
    caller.hears("offer-callback-opening", language="en", after=told)
    caller.presses("3")
    caller.hears("leave-message", language="en", after=told)
    caller.says(VOICE_OF_AGENT)
    caller.hangs_up()
    assert office.outcome(office.call_of(caller)) == "message"
    assert office.mail_arrives()["To"] == "office@musterbuero.example"
    assert office.desk("anna").times_rung == 0


def test_hung_up_while_waiting_is_its_outcome(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    first, second = office.caller("+491701111111"), office.caller("+491702222222")
    first.dials("0931 555-10")
    office.desk("anna").answers()
    second.dials("0931 555-10")
    second.hears("all-busy")
    second.hears_music()
    second.hangs_up()
    assert office.outcome(office.call_of(second)) == "hung up"
    first.hangs_up()


def test_a_message_that_cannot_be_kept_is_not_thanked_for(office: SimulatedOffice) -> None:
    """The folder for messages is in the way: an error on the disk. The floor keeps the recording."""
    messages = office.settings.spool / "messages"
    shutil.rmtree(messages, ignore_errors=True)
    messages.write_text("not a folder")
    caller = office.caller()
    caller.dials("0931 555-10")
    chooses_message(caller)
    caller.says(VOICE_OF_CALLER)
    caller.presses("#")
    caller.waits_until_cut_off(20)
    call = office.call_of(caller)
    recording = office.settings.recordings / f"{call}.wav"
    assert recording.exists(), "nothing is lost"
    assert caller.has_heard("message-thanks"), "the floor has synced the recording and says so"
    messages.unlink()
    office.stop_supervisor()
    (office.settings.state / "supervisor.log").unlink()
    office.start_supervisor()
    office.mail_arrives()
    assert office.outcome(call) == "message"
    assert not recording.exists()


def test_twenty_calls_at_once_none_lost(office: SimulatedOffice) -> None:
    """Two agents answer and hang up, again and again; whoever waits is served in the end."""
    office.sets("anna", "available")
    office.sets("bert", "available")
    callers = [office.caller(f"+4917012300{number:02d}") for number in range(20)]
    for caller in callers:
        caller.dials("0931 555-10")
    desks = [office.desk("anna"), office.desk("bert")]
    served = 0
    while served < len(callers):
        desk = office.exchange.wait_for(
            "some desk rings",
            lambda: next((d for d in desks if (leg := d.current) and leg.answered_at is None), None),
        )
        desk.answers()
        served += 1
        desk.hangs_up()
    for caller in callers:
        caller.waits_until_cut_off()
        assert office.outcome(office.call_of(caller)) == "talked"
    order = office.db.execute("SELECT call, connected_at FROM calls ORDER BY connected_at").fetchall()
    assert len(order) == 20
    assert sum(desk.times_rung for desk in desks) == 20, "nobody was rung in vain"
