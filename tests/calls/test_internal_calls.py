"""Calls between colleagues, by their extensions."""

from __future__ import annotations

from appliance.simulator.office import SimulatedOffice
from tests.calls.test_first_call import VOICE_OF_AGENT, VOICE_OF_CALLER


def test_a_colleague_is_called_by_his_extension(office: SimulatedOffice) -> None:
    call, bert = office.desk("anna").dials("22"), office.desk("bert")
    assert bert.rings().shown_number == "21"
    bert.answers()
    call.says(VOICE_OF_CALLER)
    bert.hears_sound(VOICE_OF_CALLER)
    bert.says(VOICE_OF_AGENT)
    call.hears_sound(VOICE_OF_AGENT)
    bert.hangs_up()
    call.waits_until_cut_off()
    assert office.db.execute("SELECT count(*) FROM calls").fetchone() == (0,), "no caller's call"


def test_a_colleague_in_a_call_is_not_rung(office: SimulatedOffice) -> None:
    office.sets("bert", "available")
    caller, bert = office.caller(), office.desk("bert")
    caller.dials("0931 555-10")
    bert.answers()
    call = office.desk("anna").dials("22")
    call.hears("internal-busy")
    call.waits_until_cut_off()
    assert bert.times_rung == 1
    caller.hangs_up()


def test_a_colleague_who_rejects_is_said_to_be_busy(office: SimulatedOffice) -> None:
    call = office.desk("anna").dials("22")
    office.desk("bert").rejects()
    call.hears("internal-busy")
    call.waits_until_cut_off()


def test_who_does_not_answer_is_told_of(office: SimulatedOffice) -> None:
    call = office.desk("anna").dials("22")
    office.desk("bert").rings()
    call.hears("internal-no-answer", timeout_seconds=40)
    call.waits_until_cut_off()


def test_a_phone_that_is_not_there_is_told_of(office: SimulatedOffice) -> None:
    office.asterisk.ask("database deltree registrar/contact")
    office.asterisk.ask("pjsip show contacts")
    call = office.desk("anna").dials("99")
    call.hears("internal-unknown")
    call.waits_until_cut_off()


def test_one_does_not_ring_oneself(office: SimulatedOffice) -> None:
    call = office.desk("anna").dials("21")
    call.hears("internal-busy")
    call.waits_until_cut_off()
    assert office.desk("anna").times_rung == 0


def test_colleagues_call_each_other_while_the_supervisor_is_away(office: SimulatedOffice) -> None:
    office.kill_supervisor()
    call, bert = office.desk("anna").dials("22"), office.desk("bert")
    bert.answers()
    call.says(VOICE_OF_CALLER)
    bert.hears_sound(VOICE_OF_CALLER)
    call.hangs_up()
    bert.waits_until_cut_off()
    office.start_supervisor()
