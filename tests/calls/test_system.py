"""Backup, restore, forgetting and restarts on the running box: conversations go on, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

from appliance.simulator.office import SimulatedOffice
from appliance.store import times, wishes
from appliance.store.changes import Author, by_page, newest
from tests.calls.test_transfer import talk, talks_to_anna

ADA = by_page("ada")


def test_a_backup_is_restored_while_somebody_talks(office: SimulatedOffice, tmp_path: Path) -> None:
    office.desk("bert").dials("*81").hears("night-mode-night")
    assert newest(office.db, 1)[0].by == Author("desk_2", "phone")
    office.desk("bert").dials("*83").hears("night-mode-auto")
    file = tmp_path / "backup.zip"
    assert office.command("backup", str(file))[0] == 0
    caller, anna = talks_to_anna(office)
    call = office.call_of(caller)
    office.db.execute("UPDATE departments SET title = 'Anders'")
    status, done = office.command("restore", str(file))
    assert (status, done["word"]) == (0, "done")
    assert office.db.execute("SELECT title FROM departments WHERE name = 'support'").fetchone() == (
        "Technik",
    )
    talk(caller, anna)
    caller.hangs_up()
    assert office.outcome(call) == "talked"
    assert office.command("ledger", "check")[0] == 0


def test_nobody_is_forgotten_while_he_talks_and_everything_is_afterwards(office: SimulatedOffice) -> None:
    caller, _ = talks_to_anna(office)
    call = office.call_of(caller)
    status, said = office.command("forget", "0170 1234567")
    assert status == 1, said
    caller.hangs_up()
    assert office.outcome(call) == "talked"
    assert office.command("forget", "0170 1234567")[1]["calls"] == 1
    left = [
        str(file.relative_to(office.settings.state))
        for file in office.settings.state.rglob("*")
        if file.is_file() and any(word in file.read_bytes() for word in (b"1701234567", b"Erika"))
    ]
    assert left == []


def test_asterisk_ends_when_nobody_talks_any_more(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    call = office.call_of(caller)
    number = wishes.ask(office.db, "restart", ADA, times.now(), part="asterisk")
    office.wait_for("the wish is granted", lambda: wishes.wish(office.db, number).answer)  # type: ignore[union-attr]
    talk(caller, anna)
    assert office.asterisk.is_running
    caller.hangs_up()
    office.wait_for("Asterisk ends", lambda: not office.asterisk.is_running)
    office.asterisk.start()  # as systemd does
    assert office.outcome(call) == "talked"
    again, _ = talks_to_anna(office)
    again.hangs_up()


def test_the_supervisor_restarts_and_the_conversation_goes_on(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    wishes.ask(office.db, "restart", ADA, times.now(), part="supervisor")
    office.wait_for("the supervisor ends", lambda: not office.supervisor_runs)
    talk(caller, anna)
    office.start_supervisor()  # as systemd does
    caller.hangs_up()
    assert office.outcome(office.call_of(caller)) == "talked"
