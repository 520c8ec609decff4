"""Personal data has an end: a number that called in every way is in no file of the box any more.

One real office, one number: missed while waiting, a message, a callback promised and kept, a mail that
had to wait. Every file is searched for the number in every form, also inside what is packed.
"""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.diagnosis import write_bundle
from appliance.forgetting import forget_old
from appliance.simulator.office import SimulatedOffice
from appliance.store import inbox, times
from appliance.store.database import open_store
from appliance.store.office import phones
from appliance.telephony.box import manager_secret
from tests.calls.conftest import chooses_message, nothing_is_left
from tests.calls.test_first_call import VOICE_OF_CALLER
from tests.calls.test_waiting import SUPPORT, talks_to

NUMBER, NAME = "+491769083512", "Xaver Quendel"
_FORMS = ("1769083512", "176 9083512", "176 908 3512", "176-9083512", "176/9083512", NAME)
TRACES = [form.encode(code) for form in _FORMS for code in ("utf-8", "utf-16-le", "utf-16-be")]


def unpacked(content: bytes) -> Iterator[bytes]:
    """The content itself, and what is packed in it (gzip, zlib, ZIP)."""
    yield content
    if content[:2] == b"\x1f\x8b":
        yield from unpacked(gzip.decompress(content))
    if content[:1] == b"\x78":
        with suppress(zlib.error):
            yield zlib.decompress(content)
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for name in packed.namelist():
                yield name.encode()
                yield from unpacked(packed.read(name))


def files_with_traces(folder: Path) -> list[str]:
    """Every file of a folder in which the number or the name is, or in whose own name."""
    return sorted(
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file()
        and any(
            trace in piece for piece in (str(file).encode(), *unpacked(file.read_bytes())) for trace in TRACES
        )
    )


def test_the_search_finds_a_number_however_it_is_packed(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("call from 0176 9083512.")
    (tmp_path / "two").write_bytes(NUMBER.encode("utf-16"))
    (tmp_path / "three").write_bytes(gzip.compress(NAME.encode()))
    (tmp_path / "four").write_bytes(zlib.compress(NUMBER.encode()))
    with zipfile.ZipFile(tmp_path / "five", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inner", gzip.compress(NUMBER.encode()))
    (tmp_path / "nothing").write_text("+491769083513")
    assert files_with_traces(tmp_path) == ["five", "four", "one", "three", "two"]


@pytest.fixture
def office(make_office: Callable[..., SimulatedOffice], tmp_path: Path) -> Iterator[SimulatedOffice]:
    """After everything has happened that can happen to a caller."""
    office = make_office()
    office.mail_server.stop()
    first = talks_to(office, "anna")
    misses(office)
    first.hangs_up()
    office.sets("anna", "offline")
    leaves_a_message(office)
    is_called_back(office)
    office.stop_supervisor()
    office.db.execute("UPDATE outbox SET next_attempt_at = created_at")  # the pause is over
    office.mail_server.start()
    office.start_supervisor()
    office.mail_arrives()
    office.wait_for(
        "the store knows of the mail",
        lambda: not office.db.execute("SELECT 1 FROM outbox WHERE delivered_at = ''").fetchone(),
    )
    inbox.write_note(office.db, "message:1", "ada", f"{NAME}, 0176 9083512, ruft noch einmal an")
    found = files_with_traces(office.settings.state)
    assert [name for name in found if name.startswith(office.settings.store.name)], "it was in the store"
    assert "asterisk/log/call-records.csv" in found
    assert not [name for name in found if "supervisor" in name], "the log names calls, not people"
    diagnosis = tmp_path / "diagnosis"
    diagnosis.mkdir()
    with (diagnosis / "bundle.zip").open("wb") as stream:
        write_bundle(office.db, office.settings, stream)
    assert files_with_traces(diagnosis) == []
    yield office
    nothing_is_left(office)


def misses(office: SimulatedOffice) -> None:
    """He waits, and hangs up before anybody is free."""
    caller = office.caller(NUMBER, NAME)
    caller.dials(SUPPORT)
    caller.hears("all-busy")
    caller.hangs_up()
    assert office.outcome(office.call_of(caller)) == "hung up"


def leaves_a_message(office: SimulatedOffice) -> None:
    """Nobody is there; he speaks."""
    caller = office.caller(NUMBER, NAME)
    caller.dials(SUPPORT)
    chooses_message(caller)
    caller.says(VOICE_OF_CALLER)
    caller.presses("#")
    caller.waits_until_cut_off()
    assert office.outcome(office.call_of(caller)) == "message"


def is_called_back(office: SimulatedOffice) -> None:
    """Nobody is there; he asks to be called back, and is."""
    caller = office.caller(NUMBER, NAME)
    caller.dials(SUPPORT)
    caller.hears("nobody-present", timeout_seconds=20)
    caller.presses("2")
    caller.hears("callback-to")
    caller.presses("1")
    caller.hears("callback-promised")
    caller.waits_until_cut_off()
    office.command("agents", "anna", "available")
    office.desk("anna").answers()
    office.desk("anna").presses("1")
    customer = office.customer(NUMBER)
    customer.answers()
    customer.hears("customer-callback")
    customer.presses("1")
    office.reaches(office.call_of(caller), "talks anna")
    customer.hangs_up()
    assert office.outcome(office.call_of(caller)) == "called back"


def no_secret_is_in_a_log(office: SimulatedOffice) -> None:
    """Neither what the phones register with nor what Asterisk's manager asks for."""
    logs = [office.settings.state / "supervisor.log", *office.settings.asterisk_log.parent.iterdir()]
    secrets = {phone["secret"] for phone in phones(office.db)} | {manager_secret(office.settings.asterisk)}
    for log in logs:
        assert not [secret for secret in secrets if secret in log.read_text(errors="replace")], log


def test_afterwards_the_number_is_in_no_file_of_the_box(office: SimulatedOffice, tmp_path: Path) -> None:
    """When the retention time has passed (in a copy of the box), and when somebody asks to be forgotten."""
    no_secret_is_in_a_log(office)
    office.stop_supervisor()
    later = replace(office.settings, state=tmp_path / "later")
    shutil.copytree(office.settings.state, later.state, ignore=shutil.ignore_patterns("run"))
    office.start_supervisor()
    assert files_with_traces(later.state)
    db = open_store(later.store)
    forget_old(db, later, times.now() + timedelta(days=1))
    db.close()
    assert files_with_traces(later.state) == []

    status, said = office.command("forget", "0176 9083512")
    assert status == 0, said
    assert files_with_traces(office.settings.state) == []
