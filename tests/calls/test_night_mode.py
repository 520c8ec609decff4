"""The night switch: moved from phone, panel, page and command; one truth, kept before it is confirmed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from appliance.simulator.office import SimulatedOffice
from appliance.store import night, times
from appliance.store.changes import by_page
from tests.calls.conftest import OFFICE, nothing_is_left

CLOSES_FOR_AN_HOUR = OFFICE.replace('"00:00-24:00"', '"00:00-23:00"')  # so that it opens every day


def stands(office: SimulatedOffice) -> tuple[str, str]:
    switch = night.night_switch(office.db)
    return switch.mode, switch.changed_by


def test_the_phone_codes_move_it_and_say_so(office: SimulatedOffice) -> None:
    anna, bert = office.desk("anna"), office.desk("bert")
    anna.dials("*81").hears("night-mode-night")
    assert stands(office) == ("night", "phone desk_1")
    office.lamp_is("night", "on")
    since = night.night_switch(office.db).since
    bert.dials("*81").hears("night-mode-night")
    assert stands(office) == ("night", "phone desk_1"), "it stood there already"
    assert night.night_switch(office.db).since == since
    bert.dials("*82").hears("night-mode-day")
    assert stands(office) == ("day", "phone desk_2")
    assert night.night_switch(office.db).since > since
    office.lamp_is("night", "off")
    bert.dials("*83").hears("night-mode-auto")
    assert stands(office) == ("auto", "phone desk_2")


def test_without_the_supervisor_the_code_toggles_and_the_floor_obeys(
    make_office: Callable[..., SimulatedOffice],
) -> None:
    office = make_office(supervisor=False)
    office.desk("anna").dials("*80").hears("night-mode-night")
    assert stands(office) == ("night", "phone desk_1")
    caller = office.caller()
    caller.dials("0931 555-20")
    caller.hears("closed", language="en", after=caller.hears("greeting", language="en"))
    caller.hangs_up()
    hotline = office.caller("+491702222222")
    hotline.dials("0931 555-10")
    hotline.hears("nobody-present", after=hotline.hears("greeting"))  # open: it ignores the switch
    hotline.hangs_up()
    office.desk("bert").dials("*80").hears("night-mode-auto")
    assert stands(office) == ("auto", "phone desk_2")
    office.start_supervisor()
    office.lamp_is("night", "off")
    assert office.outcome(office.call_of(caller)) == "told closed"


def test_what_cannot_be_kept_is_not_confirmed(office: SimulatedOffice) -> None:
    office.db.execute(
        "CREATE TRIGGER stuck BEFORE UPDATE OF mode ON night_switch BEGIN SELECT RAISE(IGNORE); END"
    )
    call = office.desk("anna").dials("*81")
    call.hears("night-mode-failed")
    assert not call.has_heard("night-mode-night")
    assert stands(office)[0] == "auto"
    assert "Custom:night'  State: 'NOT_INUSE" in office.asterisk.ask("devstate list")


def test_the_code_is_nobodys_from_outside(office: SimulatedOffice) -> None:
    caller = office.caller()
    caller.dials("*81")
    caller.hears("unassigned-number")
    assert stands(office)[0] == "auto"
    caller.hangs_up()


def test_the_panel_and_the_command_move_it(office: SimulatedOffice) -> None:
    office.presses("night:night")
    office.lamp_is("night", "on")
    assert stands(office) == ("night", "panel")
    status, shown = office.command("night")
    assert (status, shown["mode"], shown["changed_by"], shown["forgotten_since"]) == (0, "night", "panel", "")
    status, shown = office.command("night", "auto")
    assert (status, shown["mode"], shown["changed_by"]) == (0, "auto", "command")
    office.lamp_is("night", "off")
    status, complaint = office.command("night", "dusk")
    assert status == 2
    assert "dusk" in complaint
    assert stands(office) == ("auto", "command")


def test_a_forgotten_switch_is_shown_and_mailed_once_whatever_restarts(
    make_office: Callable[..., SimulatedOffice],
) -> None:
    office = make_office(CLOSES_FOR_AN_HOUR, supervisor=False)

    def is_moved(mode: str, days_ago: float) -> None:
        night.set_night_mode(office.db, "auto", by_page("ada"), times.now())
        night.set_night_mode(office.db, mode, by_page("ada"), times.now() - timedelta(days=days_ago))

    is_moved("night", 3)
    office.start_supervisor()
    mail = office.mail_arrives()
    assert mail["To"] == "office@musterbuero.example", "the first mailbox there is"
    assert mail["Subject"] == "Nachtschalter vergessen?"
    body = mail.get_body(("plain",))
    assert body is not None
    assert "auf Nacht. Die Öffnungszeit begann am" in " ".join(body.get_content().split())
    status, state = office.command("status")
    assert status == 1
    assert any("at night since" in problem for problem in state["problems"])
    office.kill_supervisor()
    office.start_supervisor()  # it looks for what was forgotten at once
    office.stop_supervisor()
    is_moved("night", 2)
    office.start_supervisor()
    second = office.mail_arrives(2)
    assert second["Message-ID"] != mail["Message-ID"]
    assert office.db.execute("SELECT count(*) FROM outbox").fetchone() == (2,)
    assert office.command("night", "auto")[1]["forgotten_since"] == ""
    nothing_is_left(office)
