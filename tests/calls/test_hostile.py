"""Bad input from the telephone network: a sentence for the caller, no effect on anybody else."""

from __future__ import annotations

import pytest

from appliance.simulator.office import SimulatedOffice
from tests.calls.conftest import chooses_message
from tests.calls.test_first_call import VOICE_OF_CALLER

HOSTILE_NAMES = [
    'Anna "Q" Müller',
    "Groß, Jürgen; & Söhne",
    "${SHELL(touch /tmp/freizeichen-was-here)}",
    "$[1+1]",
    "<script>alert(1)</script>",
    "A" * 70,
    "日本語 😀",
    "%n%s|x`id`",
]


@pytest.mark.parametrize("dialled", ["0931 555-99", "+1", "00", "112", "1" * 40])
def test_an_unassigned_number_hears_a_polite_sentence(office: SimulatedOffice, dialled: str) -> None:
    caller = office.caller()
    caller.dials(dialled)
    caller.hears("unassigned-number")
    caller.waits_until_cut_off()
    assert office.outcome(office.call_of(caller)) == "told unassigned"


def test_names_reach_the_display_as_text_and_nobodys_dialplan_as_code(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    desk = office.desk("anna")
    for number, name in enumerate(HOSTILE_NAMES):
        caller = office.caller(f"+49170111110{number}", name)
        caller.dials("0931 555-10")
        ringing = desk.rings()
        assert ringing.shown_name.startswith("Technik: ")
        assert not set(ringing.shown_name) & set('${}[]"\\;&|<>`')
        assert len(ringing.shown_name) <= 40
        if number == 0:
            assert ringing.shown_name == "Technik: Anna Q Müller"
        if number == 2:
            assert "SHELL" in ringing.shown_name, "it stays text"
        caller.hangs_up()
        desk.stops_ringing()
        assert office.outcome(office.call_of(caller)) == "hung up"
    stored = [row[0] for row in office.db.execute("SELECT caller_name FROM calls").fetchall()]
    assert not any(set(name) & set('${}[]"\\;&|<>`\r\n') for name in stored)
    console = office.asterisk.ask("core show channels")
    assert "0 active channels" in console


def test_the_same_names_on_the_floor(office: SimulatedOffice) -> None:
    """Without the supervisor the display shows the department; the name goes nowhere."""
    office.sets("anna", "available")
    office.kill_supervisor()
    caller = office.caller(name=HOSTILE_NAMES[2])
    caller.dials("0931 555-10")
    assert office.desk("anna").rings().shown_name == "Technik"
    caller.hangs_up()
    office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == "hung up"


def test_a_caller_without_a_number(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    caller = office.caller("anonymous", "Anonymous")
    caller.dials("0931 555-10")
    office.desk("anna").answers()
    caller.hangs_up()
    office.wait_for(
        "the anonymous call is in the ledger",
        lambda: office.db.execute("SELECT 1 FROM calls WHERE caller = '' AND outcome = 'talked'").fetchone(),
    )


def test_hanging_up_during_the_greeting(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    caller = office.caller()
    caller.dials("0931 555-10")
    caller.is_answered()
    call = office.call_of(caller)
    caller.hangs_up()
    assert office.outcome(call) == "hung up"
    assert office.desk("anna").times_rung == 0


def test_hanging_up_while_the_phone_rings_frees_the_agent(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    caller, desk = office.caller(), office.desk("anna")
    caller.dials("0931 555-10")
    desk.rings()
    caller.hangs_up()
    desk.stops_ringing()
    office.lamp_is("agent:anna", "green")
    assert office.outcome(office.call_of(caller)) == "hung up"
    assert office.db.execute("SELECT state FROM presence WHERE agent = 'anna'").fetchone() == ("available",)


def test_keys_that_mean_nothing_do_no_harm(office: SimulatedOffice) -> None:
    """Also the D no telephone has: it only makes the dialog look once more."""
    office.sets("anna", "available")
    first, second = office.caller("+491701111111"), office.caller("+491702222222")
    first.dials("0931 555-10")
    office.desk("anna").answers()
    second.dials("0931 555-10")
    second.presses("*#7")
    second.hears("all-busy")
    second.presses("D9*DD#0")
    second.hears_music()
    office.desk("anna").hangs_up()
    office.desk("anna").answers()
    second.hangs_up()
    first.waits_until_cut_off()


def test_a_silent_message_is_asked_for_once_more_then_goodbye(office: SimulatedOffice) -> None:
    caller = office.caller()
    caller.dials("0931 555-10")
    first = chooses_message(caller)
    again = caller.hears("message-too-short", after=first, timeout_seconds=20)
    caller.hears("goodbye", after=again, timeout_seconds=20)
    caller.waits_until_cut_off()
    assert office.outcome(office.call_of(caller)) == "hung up"
    assert office.db.execute("SELECT count(*) FROM messages").fetchone() == (0,)
    assert office.mail_server.mails == []


def test_a_message_after_a_silent_try_is_kept(office: SimulatedOffice) -> None:
    caller = office.caller()
    caller.dials("0931 555-10")
    caller.presses("#")
    chooses_message(caller)
    caller.presses("#")
    caller.hears("message-too-short")
    caller.says(VOICE_OF_CALLER)
    caller.presses("#")
    caller.hears("message-thanks")
    office.mail_arrives()
