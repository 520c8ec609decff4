"""While an agent's phone rings the caller may choose to be called back or to leave a message, too."""

from __future__ import annotations

from appliance.simulator.office import SimulatedOffice
from tests.calls.test_first_call import VOICE_OF_CALLER
from tests.calls.test_waiting import SUPPORT


def test_a_callback(office: SimulatedOffice) -> None:
    office.db.execute("UPDATE departments SET ring_seconds = 30")
    office.sets("anna", "available")
    caller, anna = office.caller(), office.desk("anna")
    caller.dials(SUPPORT)
    anna.rings()
    caller.presses("2")
    anna.stops_ringing()
    caller.hears("callback-confirm", timeout_seconds=40)
    office.sets("anna", "away")
    caller.presses("1")
    caller.hears("callback-promised")
    caller.waits_until_cut_off()
    assert office.db.execute("SELECT state FROM callbacks").fetchone() == ("waiting",)
    assert "chooses while it rings anna" in office.steps(office.call_of(caller))
    office.command("callbacks", "cancel", "1")


def test_a_message_also_when_the_supervisor_dies_meanwhile(office: SimulatedOffice) -> None:
    office.db.execute("UPDATE departments SET ring_seconds = 30")
    office.sets("anna", "available")
    caller, anna = office.caller(), office.desk("anna")
    caller.dials(SUPPORT)
    anna.rings()
    office.kill_supervisor()
    caller.presses("3")
    anna.stops_ringing()
    caller.hears("leave-message")
    caller.says(VOICE_OF_CALLER)
    caller.presses("#")
    caller.hears("message-thanks")
    caller.waits_until_cut_off()
    office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == "message"
    office.mail_arrives()


def test_what_is_not_offered_goes_on_ringing(office: SimulatedOffice) -> None:
    office.db.execute("UPDATE departments SET ring_seconds = 30, offers_callback = 0")
    office.sets("anna", "available")
    caller, anna = office.caller(), office.desk("anna")
    caller.dials(SUPPORT)
    anna.rings()
    caller.presses("21")
    caller.hears_music()
    anna.answers()
    anna.hangs_up()
    caller.waits_until_cut_off()
    assert anna.times_rung == 1
