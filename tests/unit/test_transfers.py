"""Handing over: the decision, the keys that begin it, and the dialog of a caller who was handed over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.hotline.ringing import Chance, Ring
from appliance.hotline.transfers import Colleague, OutsideNumber, left_alone
from appliance.store import callbacks, extensions, ledger
from appliance.store.config import ConfigError, TransferKeys, read_config
from appliance.telephony.call_records import parse_record, transfer_target
from tests.unit.seed import seeded_store
from tests.unit.test_config import EXAMPLE
from tests.unit.test_dialog import BERT, BUSY, NOBODY, SUPPORT, Clock, House, Leg, clock, dialog  # noqa: F401

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ANNA = replace(BERT, agent="anna", phone="PJSIP/desk_1")


@pytest.mark.parametrize(("seconds_ago", "alone"), [(None, False), (0, True), (3, True), (3.1, False)])
def test_who_was_left_alone(seconds_ago: float | None, alone: bool) -> None:
    put_aside_at = None if seconds_ago is None else NOW - timedelta(seconds=seconds_ago)
    assert left_alone(NOW, put_aside_at=put_aside_at) is alone


# The dialog


def transferred(step: str = "transferred", **facts: Any) -> tuple[Leg, House]:
    """The call of somebody a colleague has handed over, to its end."""
    leg = Leg("", dials=facts.pop("dials", []))
    leg.variables |= {"STEP": step, "TO": "22", "DEPARTMENT": "support", "CHANNEL(language)": "en"}
    house = House(leg, **facts)
    dialog.take_call(leg, house)  # type: ignore[arg-type]
    assert house.in_line == 0
    return leg, house


def test_the_colleague_is_rung_without_another_greeting() -> None:
    leg, house = transferred(target=Colleague("bert"), chances=[BERT], dials=["ANSWER"])
    assert leg.heard() == []
    assert house.handed_over_to == ["bert"]
    assert house.reports == [Ring.TALKED]
    assert ("CHANNEL(language)", "de") not in leg.log, "he keeps his language"


@pytest.mark.parametrize("target", [None, Colleague("bert"), replace(SUPPORT, is_open=False)])
def test_who_cannot_be_reached_gives_him_back(target: Any) -> None:
    chances = [NOBODY, ANNA] if isinstance(target, Colleague) else [ANNA]
    leg, house = transferred(target=target, by=Colleague("anna"), chances=chances, dials=["ANSWER"])
    assert leg.heard() == ["transfer-back"]
    assert house.handed_over_to[-1] == "anna"
    assert [what for kind, what in leg.log if kind == "Dial"] == ["PJSIP/desk_1"]


def test_a_colleague_who_puts_his_receiver_down_is_waited_for_a_moment() -> None:
    leg, _ = transferred(target=Colleague("bert"), chances=[BUSY, BUSY, BERT], dials=["ANSWER"])
    assert leg.heard() == []


def test_both_gone_he_is_in_line() -> None:
    leg, house = transferred(
        target=Colleague("bert"), by=Colleague("anna"), chances=[NOBODY, NOBODY, BERT], dials=["ANSWER"]
    )
    assert leg.heard() == ["transfer-back"]
    assert house.handed_over_to == ["bert", "anna"]
    assert house.stood_in_line == 3


def test_to_a_department_he_belongs_to_it() -> None:
    office = replace(SUPPORT, name="office", title="Office")
    leg, house = transferred(target=office, chances=[BERT], dials=["ANSWER"])
    assert house.entered == ["office handed over"]
    assert leg.variables["CALLERID(name)"].startswith("Office")


@pytest.mark.parametrize("answered", [True, False])
def test_outside_sees_our_number_and_the_caller_keeps_his(answered: bool) -> None:
    outside = OutsideNumber("+49931444", "DAHDI/G1/0931444", "+4993155510")
    dials = ["ANSWER"] if answered else ["NOANSWER", "ANSWER"]
    leg, _ = transferred(target=outside, by=Colleague("anna"), chances=[ANNA], dials=dials)
    assert next(what for kind, what in leg.log if kind == "Dial") == "DAHDI/G1/0931444"
    assert ("CALLERID(num)", "+4993155510") in leg.log
    assert leg.variables["CALLERID(num)"] == leg.number
    assert leg.heard() == ([] if answered else ["transfer-back"])


def test_who_was_left_alone_is_rung_back_as_often_as_it_happens() -> None:
    leg, house = transferred(
        "waiting",
        by=Colleague("anna"),
        chances=[BERT],
        dials=["ANSWER", "ANSWER", "ANSWER"],
        left_alone=[True, True, False],
    )
    assert leg.heard() == ["transfer-back", "transfer-back"]
    assert house.reports == [Ring.TALKED] * 3


def test_nobody_who_was_promised_a_callback_is_left_alone() -> None:
    leg, house = transferred("returned", chances=[Chance()], left_alone=[True])
    assert house.left_alone == [True], "not even asked"
    assert "transfer-back" in leg.heard()


# The books


def test_the_target_of_a_transfer_is_read_from_asterisks_record() -> None:
    line = (
        '"ATTENDEDTRANSFER","","1795613629.9","1795613623.0","PJSIP/desk_1-00000001","21","21",'
        '"{""bridge1_id"":""x"",""transfer_target_channel_name"":""PJSIP/desk_2-00000003""}",""'
    )
    record = parse_record(line)
    assert record is not None
    assert transfer_target(record) == "PJSIP/desk_2-00000003"
    for other in ('"[]"', '"{""transfer_target_channel_name"":3}"', '"{"', '""'):
        bad = parse_record(line.replace(line[line.index('"{') : line.rindex(',""')], other))
        assert bad is not None
        assert transfer_target(bad) == ""


def test_extensions_lead_to_agents_and_departments(tmp_path: Path) -> None:
    db = seeded_store(tmp_path / "store.db")
    db.execute("UPDATE departments SET extension = '80' WHERE name = 'office'")
    found = extensions.at(db, "80")
    assert found is not None
    assert getattr(found, "name", "") == "office"
    assert extensions.at(db, "22") == Colleague("bert")
    assert extensions.at(db, "99") is None
    assert extensions.at(db, "") is None, "a department without an extension has none"


def test_what_was_promised_after_a_talk_is_still_owed(tmp_path: Path) -> None:
    db = seeded_store(tmp_path / "store.db")
    ledger.open_call(db, "1.0", dialled="093155510", caller="+491701234567", caller_name="", started_at=NOW)
    ledger.connect_call(db, "1.0", "PJSIP/desk_1-00000001", NOW)
    assert ledger.had_him_before(db, "1.0") == "anna"
    callbacks.request(db, "1.0", "+491701234567", arrived=NOW, now=NOW + timedelta(seconds=9))
    ledger.close_call(db, "1.0", NOW + timedelta(seconds=20))
    callbacks.close_after_call(db, "1.0", NOW + timedelta(seconds=20))
    assert db.execute("SELECT outcome FROM calls").fetchone() == ("talked",)
    assert db.execute("SELECT state FROM callbacks").fetchone() == ("waiting",)


def test_who_had_him_before_is_not_who_has_taken_him_over(tmp_path: Path) -> None:
    db = seeded_store(tmp_path / "store.db")
    ledger.open_call(db, "1.0", dialled="093155510", caller="", caller_name="", started_at=NOW)
    assert ledger.had_him_before(db, "1.0") == ""
    ledger.connect_call(db, "1.0", "PJSIP/desk_1-00000001", NOW)
    ledger.connect_call(db, "1.0", "PJSIP/desk_1-00000001", NOW)
    ledger.take_over(db, "1.0", "PJSIP/desk_2-00000002", NOW)
    ledger.connect_call(db, "1.0", "PJSIP/desk_2-00000002", NOW)
    assert [step["step"] for step in ledger.story(db, "1.0")] == ["talks", "taken over", "talks"]
    assert ledger.had_him_before(db, "1.0") == "anna"
    assert ledger.put_aside_at(db, "1.0") == NOW
    assert ledger.put_aside_at(db, "2.0") is None
    ledger.take_over(db, "2.0", "PJSIP/desk_2-00000002", NOW)
    assert ledger.story(db, "2.0") == [], "no caller's call"


# The keys


def example(keys: str) -> str:
    """The example with these lines as its section [transfer]."""
    text = EXAMPLE.read_text()
    before, _, rest = text.partition("[transfer]\n")
    return f"{before}[transfer]\n{keys}\n[mail]{rest.partition('[mail]')[2]}"


def test_the_usual_keys_hold_without_any() -> None:
    assert read_config(example("")).transfer == TransferKeys("#1", "*2")
    assert read_config(example('blind_key = "##"\nattended_key = "*8"')).transfer == TransferKeys("##", "*8")


@pytest.mark.parametrize(
    ("keys", "field", "code"),
    [
        ('blind_key = "*2"', "transfer.attended_key", "feature keys alike"),
        ('blind_key = "*"', "transfer.attended_key", "feature keys alike"),
        ('blind_key = "#1"\nattended_key = "#12"', "transfer.attended_key", "feature keys alike"),
        ('blind_key = "7"', "transfer.blind_key", "feature key"),
        ('attended_key = "*a"', "transfer.attended_key", "feature key"),
        ('attended_key = ""', "transfer.attended_key", "feature key"),
        ('attended_key = "*12345"', "transfer.attended_key", "feature key"),
        ("blind_key = 1", "transfer.blind_key", "not text"),
        ('key = "#1"', "transfer.key", "unknown"),
    ],
)
def test_keys_that_cannot_be_told_apart_or_are_none_are_refused(keys: str, field: str, code: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_config(example(keys))
    assert [(problem.field, problem.code) for problem in error.value.problems] == [(field, code)]
