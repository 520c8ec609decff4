"""Calls over ISDN: with numbers behind a head number, with numbers on a bus."""

from __future__ import annotations

import pytest

from tests.lines.laboratory import Laboratory, LineCaller, LinePhone


def talk(laboratory: Laboratory, caller: LineCaller, phone: LinePhone) -> None:
    """Each hears what the other says."""
    caller.begins_to_say(laboratory.said("customer-not-confirmed"))
    phone.hears_sound(laboratory.voice("customer-not-confirmed"))
    phone.begins_to_say(laboratory.said("still-waiting"))
    caller.hears_sound(laboratory.voice("still-waiting"))


def test_who_dials_a_number_behind_the_head_number_talks_to_the_agent(laboratory: Laboratory) -> None:
    laboratory.sets("anna", "available")
    caller = laboratory.caller("01701234567")
    caller.dials("10")
    caller.hears("greeting")
    anna = laboratory.phone("desk_1")
    anna.answers()
    assert anna.current is not None
    assert anna.current.shown_number == "01701234567"
    talk(laboratory, caller, anna)
    anna.hangs_up()
    caller.waits_until_cut_off()
    assert laboratory.outcome(caller) == "talked"


def test_digits_that_arrive_one_by_one_are_waited_for(laboratory: Laboratory) -> None:
    caller = laboratory.caller("01701234501")
    caller.dials_slowly("10")
    caller.hears("greeting")
    caller.hears("nobody-present")


def test_a_number_of_nobody_says_so_at_once(laboratory: Laboratory) -> None:
    caller = laboratory.caller("01701234502")
    caller.dials("99")
    caller.hears("unassigned-number")
    caller.waits_until_cut_off()
    assert laboratory.outcome(caller) == "told unassigned"


def test_a_bus_number_of_ours_is_answered_in_its_language(laboratory: Laboratory) -> None:
    """As quiet as the line is set (`transmit_gain`)."""
    caller = laboratory.caller("01701234503")
    caller.dials("55520", "g2")
    greeting = caller.hears("greeting", language="en")
    assert caller.decibels(greeting, "greeting", "en") == pytest.approx(-6, abs=1)


def test_another_device_on_the_bus_keeps_its_number(laboratory: Laboratory) -> None:
    caller = laboratory.caller("01701234504")
    caller.dials("55599", "g2")
    caller.waits_until_cut_off(timeout_seconds=60)
    assert not caller.is_connected
    assert caller.leg.answered_at is None
    assert laboratory.calls_of(caller) == []


def test_who_finds_everybody_busy_chooses_by_key_and_leaves_a_message(laboratory: Laboratory) -> None:
    laboratory.sets("anna", "available")
    first, second = laboratory.caller("01701234505"), laboratory.caller("01701234506")
    first.dials("10")
    laboratory.phone("desk_1").answers()
    second.dials("10")
    second.hears("all-busy")
    second.presses("3")
    second.hears("leave-message")
    second.says(laboratory.said("customer-not-confirmed"))
    second.presses("#")
    second.hears("message-thanks")
    second.waits_until_cut_off()
    assert laboratory.outcome(second) == "message"


def test_who_is_promised_a_callback_is_called_over_a_b_channel(laboratory: Laboratory) -> None:
    caller = laboratory.caller("01701234507")
    caller.dials("10")
    caller.hears("offer-callback", after=caller.hears("nobody-present"))
    caller.presses("2")
    caller.hears("callback-confirm-closed")
    caller.presses("1")
    caller.hears("callback-promised")
    caller.waits_until_cut_off()
    laboratory.sets("anna", "available")
    anna = laboratory.phone("desk_1")
    anna.answers()
    anna.presses("1")
    customer = laboratory.phone("01701234507")
    assert customer.rings().shown_number == "093155510"
    customer.answers()
    customer.hears("customer-callback")
    customer.presses("1")
    laboratory.wait_for("they talk", lambda: "talks anna" in laboratory.story(caller))
    talk(laboratory, customer, anna)
    customer.hangs_up()
    laboratory.wait_for("he was called back", lambda: laboratory.outcome(caller) == "called back")


def test_while_all_channels_are_in_use_others_hear_the_busy_tone(laboratory: Laboratory) -> None:
    first, second = laboratory.caller("01701234508"), laboratory.caller("01701234509")
    for caller in (first, second):
        caller.dials("10")
        caller.hears("greeting")
    laboratory.wait_for("no channel is free", lambda: laboratory.line("isdn")["free"] == 0)
    third = laboratory.caller("01701234520")
    third.dials("10", "town")
    third.hears_tone()
    third.hangs_up()
    assert laboratory.calls_of(third) == []
    first.hangs_up()
    again = laboratory.caller("01701234521")
    again.dials("10", "town")
    again.hears("greeting")


def test_a_number_that_is_none_disturbs_nothing(laboratory: Laboratory) -> None:
    caller = laboratory.caller("*#06#1234567890123456789012345", name='"; DROP TABLE calls;--')
    caller.dials("10")
    caller.hears("greeting")
    caller.hangs_up()
    laboratory.wait_for(
        "its outcome is in the ledger",
        lambda: laboratory.store("SELECT outcome <> '' FROM calls ORDER BY started_at DESC LIMIT 1") == [[1]],
    )
    assert laboratory.store("SELECT caller FROM calls ORDER BY started_at DESC LIMIT 1") == [[""]]


def test_an_emergency_call_goes_out_over_a_b_channel(laboratory: Laboratory) -> None:
    laboratory.phone("desk_1").dials("112")
    outside = laboratory.phone("112")
    assert outside.rings().shown_number == "093155510"
    outside.answers()
    outside.hangs_up()
