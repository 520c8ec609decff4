"""Handing a caller over: whatever goes wrong, he talks to somebody or stands in line, with his ticket."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from appliance.simulator.exchange import Caller, DeskPhone
from appliance.simulator.office import SimulatedOffice
from tests.calls.conftest import OFFICE, nothing_is_left
from tests.calls.test_first_call import VOICE_OF_AGENT, VOICE_OF_CALLER

WITH_EXTENSIONS = OFFICE.replace('name = "support"\n', 'name = "support"\nextension = "70"\n').replace(
    'name = "office"\n', 'name = "office"\nextension = "80"\n'
)


@pytest.fixture
def office(make_office: Callable[..., SimulatedOffice]) -> Iterator[SimulatedOffice]:
    """With extensions for the departments."""
    office = make_office(WITH_EXTENSIONS)
    yield office
    nothing_is_left(office)


def talks_to_anna(office: SimulatedOffice) -> tuple[Caller, DeskPhone]:
    """A caller who has been put through to Anna, with his ticket."""
    office.sets("anna", "available")
    caller, anna = office.caller(name="Erika"), office.desk("anna")
    caller.dials("0931 555-10")
    anna.answers()
    office.reaches(office.call_of(caller), "talks anna")
    office.asterisk.ask(f"dialplan set chanvar {its_channel(office)} TICKET 4711")
    return caller, anna


def its_channel(office: SimulatedOffice) -> str:
    """The caller's channel in the box."""
    return next(channel for channel in office.channels() if channel.startswith("PJSIP/line-"))


def talk(caller: Caller, desk: DeskPhone) -> None:
    """Both hear each other."""
    caller.says(VOICE_OF_CALLER)
    desk.hears_sound(VOICE_OF_CALLER)
    desk.says(VOICE_OF_AGENT)
    caller.hears_sound(VOICE_OF_AGENT)


def by_button(desk: DeskPhone, extension: str) -> None:
    """Hand over at once with the phone's own transfer button."""
    desk.transfers(extension)


def by_keys(desk: DeskPhone, extension: str) -> None:
    """Hand over at once with keys of the telephone."""
    desk.presses("#1")
    desk.presses(extension + "#")


def ends_with(office: SimulatedOffice, caller: Caller, desk: DeskPhone) -> None:
    """They talk, the agent hangs up, and it was one call that ended in a talk."""
    talk(caller, desk)
    desk.hangs_up()
    caller.waits_until_cut_off()
    assert office.outcome(office.call_of(caller)) == "talked"
    assert office.db.execute("SELECT count(*) FROM calls").fetchone() == (1,)


@pytest.mark.parametrize("hands_over", [by_button, by_keys])
def test_at_once_to_a_colleague(
    office: SimulatedOffice, hands_over: Callable[[DeskPhone, str], None]
) -> None:
    caller, anna = talks_to_anna(office)
    office.sets("bert", "available")
    hands_over(anna, "22")
    bert = office.desk("bert")
    ringing = bert.rings()
    assert ringing.shown_name == "Technik 4711: Erika"
    assert ringing.shown_number == "+491701234567"
    caller.hears("connecting")
    bert.answers()
    office.lamp_is("agent:anna", "green")
    office.lamp_is("agent:bert", "red")
    ends_with(office, caller, bert)
    steps = office.steps(office.call_of(caller))
    assert [step for step in steps if step.startswith(("talks", "transferred"))] == [
        "talks anna",
        "transferred 22",
        "talks bert",
    ]


def gets_him_back(office: SimulatedOffice, caller: Caller, desk: DeskPhone) -> None:
    """Who has handed the caller over is rung, with all that is known of him, and told why."""
    caller.hears("transfer-back")
    assert desk.rings().shown_name == "Technik 4711: Erika"
    desk.answers()
    desk.hears("agent-returned")
    ends_with(office, caller, desk)


def does_not_answer(office: SimulatedOffice) -> None:
    office.sets("bert", "available")


def rejects(office: SimulatedOffice) -> None:
    office.sets("bert", "available")


def is_away(office: SimulatedOffice) -> None:
    office.sets("bert", "away")


def is_offline(_office: SimulatedOffice) -> None:
    pass


@pytest.mark.parametrize("bert_is", [does_not_answer, rejects, is_away, is_offline])
@pytest.mark.parametrize("hands_over", [by_button, by_keys])
def test_who_does_not_take_him_gives_him_back(
    office: SimulatedOffice,
    bert_is: Callable[[SimulatedOffice], None],
    hands_over: Callable[[DeskPhone, str], None],
) -> None:
    caller, anna = talks_to_anna(office)
    bert_is(office)
    hands_over(anna, "22")
    bert = office.desk("bert")
    if bert_is is rejects:
        bert.rejects()
    elif bert_is is does_not_answer:
        bert.rings()
    gets_him_back(office, caller, anna)
    assert bert.times_rung == (bert_is in (rejects, does_not_answer))


def test_a_colleague_in_a_call_is_not_rung_a_second_time(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    office.sets("bert", "available")
    other, bert = office.caller("+491702222222"), office.desk("bert")
    other.dials("0931 555-10")
    bert.answers()
    anna.transfers("22")
    caller.hears_music()
    caller.hears("transfer-back")
    anna.answers()
    anna.hears("agent-returned")
    talk(caller, anna)
    assert bert.times_rung == 1
    for person in (other, caller):
        person.hangs_up()


@pytest.mark.parametrize("extension", ["99", "110", "0190123456"])
@pytest.mark.parametrize("hands_over", [by_button, by_keys])
def test_an_extension_there_is_not_leads_back(
    office: SimulatedOffice, extension: str, hands_over: Callable[[DeskPhone, str], None]
) -> None:
    caller, anna = talks_to_anna(office)
    hands_over(anna, extension)
    gets_him_back(office, caller, anna)


def test_to_oneself_leads_back(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    anna.transfers("21")
    anna.answers()
    ends_with(office, caller, anna)


@pytest.mark.parametrize("hands_over", [by_button, by_keys])
def test_at_once_to_a_department(
    office: SimulatedOffice, hands_over: Callable[[DeskPhone, str], None]
) -> None:
    caller, anna = talks_to_anna(office)
    office.sets("clara", "available")
    office.db.execute("DELETE FROM serves WHERE agent = 'anna' AND department = 'office'")
    hands_over(anna, "80")
    clara = office.desk("clara")
    assert clara.rings().shown_name == "Office 4711: Erika"
    caller.hears("connecting")
    clara.answers()
    ends_with(office, caller, clara)
    row = office.db.execute("SELECT department, dialled, ticket FROM calls").fetchone()
    assert row[:2] == ("office", "093155510")
    assert "handed over office" in office.steps(office.call_of(caller))


@pytest.mark.parametrize("state", ["closed", "nobody there"])
def test_a_department_without_anybody_gives_him_back(office: SimulatedOffice, state: str) -> None:
    caller, anna = talks_to_anna(office)
    if state == "closed":
        office.db.execute("UPDATE night_switch SET mode = 'night'")
    else:
        office.db.execute("DELETE FROM serves WHERE agent = 'anna' AND department = 'office'")
    anna.transfers("80")
    gets_him_back(office, caller, anna)


@pytest.mark.parametrize("hands_over", [by_button, by_keys])
def test_at_once_to_somebody_outside(
    office: SimulatedOffice, hands_over: Callable[[DeskPhone, str], None]
) -> None:
    caller, anna = talks_to_anna(office)
    outside = office.customer("+49931444555")
    hands_over(anna, "0931444555")
    assert outside.rings().shown_number == "+4993155510"
    outside.answers()
    office.lamp_is("agent:anna", "green")
    ends_with(office, caller, outside)


def test_nobody_answers_outside(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    anna.transfers("0931444555")
    office.customer("+49931444555").rejects()
    gets_him_back(office, caller, anna)
    assert office.desk("anna")._leg().shown_number == "+491701234567"


def test_both_colleagues_gone_he_is_first_in_line(office: SimulatedOffice) -> None:
    """Who came after him and waits already is served after him."""
    caller, anna = talks_to_anna(office)
    office.sets("bert", "available")
    other, third, bert = office.caller("+491702222222"), office.caller("+491703333333"), office.desk("bert")
    other.dials("0931 555-10")
    bert.answers()
    third.dials("0931 555-10")
    third.hears("position-1")
    office.db.execute("UPDATE presence SET state = 'offline' WHERE agent = 'anna'")
    anna.transfers("23")
    back = caller.hears("transfer-back")
    caller.hears("position-1", after=caller.hears("all-busy", after=back))
    third.hears_music()
    bert.hangs_up()
    assert bert.rings().shown_name == "Technik 4711: Erika"
    bert.answers()
    talk(caller, bert)
    for person in (caller, third):
        person.hangs_up()


def test_everybody_gone_he_may_leave_a_message(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    office.db.execute("UPDATE presence SET state = 'offline'")
    anna.transfers("22")
    told = caller.hears("nobody-present", after=caller.hears("transfer-back"))
    caller.hears("offer-callback", after=told)
    caller.presses("2")
    caller.hears("callback-confirm-closed", timeout_seconds=40)
    caller.presses("1")
    caller.hears("callback-promised")
    caller.waits_until_cut_off()
    call = office.call_of(caller)
    assert office.outcome(call) == "talked"
    owed = office.db.execute("SELECT state FROM callbacks WHERE call = ?", [call]).fetchone()
    assert owed == ("waiting",), "what was promised after the talk is still owed"
    office.db.execute("UPDATE callbacks SET state = 'cancelled', closed_at = '2026-01-01T00:00:00.000Z'")


def test_round_and_round_nothing_is_lost(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    office.sets("bert", "available")
    bert = office.desk("bert")
    for _ in range(2):
        anna.transfers("22")
        bert.answers()
        talk(caller, bert)
        bert.transfers("21")
        anna.answers()
        talk(caller, anna)
    ends_with(office, caller, anna)


@pytest.mark.parametrize("how", ["#1 22#", "*2 22#", "REFER"])
def test_the_caller_cannot_transfer_himself(office: SimulatedOffice, how: str) -> None:
    caller, anna = talks_to_anna(office)
    office.sets("bert", "available")
    if how == "REFER":
        caller.refers(f"sip:22@{office.exchange.box}")
        log = office.asterisk.folder / "log" / "messages"
        office.wait_for("the box refuses", lambda: "transfer attempt blocked" in log.read_text())
    for keys in how.split() if how != "REFER" else ():
        caller.presses(keys)
    ends_with(office, caller, anna)
    assert office.desk("bert").times_rung == 0
    assert "transferred 22" not in office.steps(office.call_of(caller))


# Asked first


def asks_by_keys(anna: DeskPhone, extension: str) -> None:
    anna.presses("*2")
    anna.presses(extension + "#")


@pytest.mark.parametrize("while_ringing", [False, True])
def test_after_asking_by_keys(office: SimulatedOffice, while_ringing: bool) -> None:
    caller, anna = talks_to_anna(office)
    bert = office.desk("bert")
    asks_by_keys(anna, "22")
    assert bert.rings().shown_number == "21"
    caller.hears_music()
    if while_ringing:
        anna.hangs_up()
        bert.answers()
    else:
        bert.answers()
        anna.says(VOICE_OF_AGENT)
        bert.hears_sound(VOICE_OF_AGENT)
        anna.hangs_up()
    office.lamp_is("agent:anna", "green")
    ends_with(office, caller, bert)


@pytest.mark.parametrize("while_ringing", [False, True])
def test_after_asking_by_the_phones_button(office: SimulatedOffice, while_ringing: bool) -> None:
    caller, anna = talks_to_anna(office)
    bert = office.desk("bert")
    asked = anna.dials("22")
    bert.rings()
    if not while_ringing:
        bert.answers()
        asked.says(VOICE_OF_AGENT)
        bert.hears_sound(VOICE_OF_AGENT)
    anna.transfers_after_asking(asked)
    if while_ringing:
        asked.waits_until_cut_off()
        bert.answers()
    office.lamp_is("agent:anna", "green")
    ends_with(office, caller, bert)
    assert "talks bert" in office.steps(office.call_of(caller))


@pytest.mark.parametrize("by", ["keys", "button"])
def test_the_one_who_asked_hangs_up_and_nobody_answers(office: SimulatedOffice, by: str) -> None:
    caller, anna = talks_to_anna(office)
    bert = office.desk("bert")
    if by == "keys":
        asks_by_keys(anna, "22")
        bert.rings()
        anna.hangs_up()
    else:
        asked = anna.dials("22")
        bert.rings()
        anna.transfers_after_asking(asked)
        asked.waits_until_cut_off()
    bert.rejects()
    gets_him_back(office, caller, anna)


@pytest.mark.parametrize("bert_does", ["rejects", "hangs up"])
def test_a_colleague_who_does_not_want_him_leaves_him_with_the_one_who_asked(
    office: SimulatedOffice, bert_does: str
) -> None:
    caller, anna = talks_to_anna(office)
    bert = office.desk("bert")
    asks_by_keys(anna, "22")
    if bert_does == "rejects":
        bert.rejects()
        anna.hears("internal-busy")
    else:
        bert.answers()
        caller.hears_music()
        bert.hangs_up()
    talk(caller, anna)
    anna.hangs_up()
    caller.waits_until_cut_off()
    assert office.desk("anna").times_rung == 1


def test_both_hang_up_while_they_talk_about_him(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    bert = office.desk("bert")
    asks_by_keys(anna, "22")
    bert.answers()
    bert.hangs_up()
    anna.hangs_up()
    gets_him_back(office, caller, anna)


def test_who_takes_him_over_and_hangs_up_at_once_gives_him_back(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    bert = office.desk("bert")
    asked = anna.dials("22")
    bert.answers()
    anna.transfers_after_asking(asked)
    asked.waits_until_cut_off()
    bert.hangs_up()
    gets_him_back(office, caller, anna)


def test_who_hangs_up_before_he_has_dialled_gets_him_back(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    anna.presses("*2")
    caller.hears_music()
    anna.hangs_up()
    gets_him_back(office, caller, anna)


# Without the supervisor


@pytest.mark.parametrize("extension", ["22", "70"])
def test_alone_the_floor_hands_over(office: SimulatedOffice, extension: str) -> None:
    caller, anna = talks_to_anna(office)
    office.sets("bert", "available")
    office.kill_supervisor()
    office.db.execute("UPDATE presence SET state = 'away' WHERE agent = 'anna'")
    anna.transfers(extension)
    bert = office.desk("bert")
    bert.answers()
    talk(caller, bert)
    bert.hangs_up()
    caller.waits_until_cut_off()
    office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == "talked"
    assert f"transferred {extension}" in office.steps(office.call_of(caller))


def test_killed_while_the_colleague_is_rung(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    office.sets("bert", "available")
    anna.transfers("22")
    bert = office.desk("bert")
    bert.rings()
    office.kill_supervisor()
    bert.answers()
    talk(caller, bert)
    bert.hangs_up()
    caller.waits_until_cut_off()
    office.start_supervisor()


def test_alone_whom_nobody_takes_leaves_a_message(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    office.kill_supervisor()
    office.db.execute("UPDATE presence SET state = 'offline'")
    anna.transfers("22")
    caller.hears("nobody-present")
    caller.hears("leave-message")
    caller.says(VOICE_OF_CALLER)
    caller.presses("#")
    caller.hears("message-thanks")
    caller.waits_until_cut_off()
    office.start_supervisor()
    office.mail_arrives()
