"""The services for real: a real systemd starts them, with everything their units forbid forbidden."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.settings import SipLine
from tests.calls.conftest import OFFICE
from tests.image import one_call
from tests.image.booted import Booted, NotPossible

pytestmark = pytest.mark.timeout(900)  # the box is switched on within the first test
SERVICES = ("asterisk", "freizeichen", "freizeichen-web")
AS_SUPERVISOR = ("setpriv", "--reuid=freizeichen", "--regid=freizeichen", "--init-groups")
AS_PAGE = ("setpriv", "--reuid=freizeichen-web", "--regid=freizeichen-web", "--init-groups")

_ONE_CALL = Path(__file__).with_name("one_call.py")


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    """The box, switched on, with an office and a line."""
    try:
        box = Booted(
            tmp_path_factory.mktemp("box"),
            SipLine("line", *one_call.ME),
        )
    except NotPossible as error:
        pytest.skip(f"no systemd in namespaces on this machine: {error}")
    try:
        box.run("sh", "-c", "cat >/tmp/office.toml", given=OFFICE)
        box.run(*AS_SUPERVISOR, "freizeichen", "config", "import", "/tmp/office.toml")
        for service in SERVICES:
            box.wait_for(
                f"{service} runs", lambda service=service: box.shows(service, "ActiveState") == "active"
            )
        yield box
    finally:
        box.close()


def test_a_call_is_answered_and_is_on_record(box: Booted) -> None:
    answered, spoken = box.run("python3", "-I", "-", given=_ONE_CALL.read_text()).splitlines()
    assert answered.startswith("200 ")
    assert spoken == "speech"

    def outcome() -> str:
        told = json.loads(box.run(*AS_PAGE, "freizeichen", "trace", "--json", check=False) or "{}")
        return str(told.get("outcome", ""))

    box.wait_for("the call has an outcome", outcome)
    story = json.loads(box.run("freizeichen", "trace", "--json"))["steps"]
    assert "floor" not in [step["step"] for step in story]  # the supervisor had the call
    assert json.loads(box.run("freizeichen", "ledger", "check", "--json"))["faults"] == []


def test_nothing_that_is_needed_was_forbidden(box: Booted) -> None:
    for service in (*SERVICES, "freizeichen-prepare", "nftables"):
        result = (box.shows(service, "Result"), box.shows(service, "NRestarts"))
        assert result in (("success", "0"), ("success", "")), box.journal(f"--unit={service}")
    told = box.journal(*(f"--unit={service}" for service in (*SERVICES, "freizeichen-prepare")))
    for word in ("Traceback", "not permitted", "denied", "Read-only", "ERROR", "CRITICAL"):
        assert word not in told
    assert "Takes calls." in box.shows("freizeichen", "StatusText")


def test_the_page_answers_and_cannot_read_the_managers_password(box: Booted) -> None:
    page = "import urllib.request as u; print(u.urlopen('http://127.0.0.1/', timeout=20).status)"
    assert box.run("python3", "-I", "-c", page).strip() == "200"
    secret = "/var/lib/freizeichen/asterisk/manager.secret"
    assert box.run(*AS_SUPERVISOR, "cat", secret)
    assert box.run(*AS_PAGE, "cat", secret, check=False) == ""


def test_the_restrictions_are_in_force(box: Booted) -> None:
    for service in SERVICES:
        status = box.run("cat", f"/proc/{box.shows(service, 'MainPID')}/status")
        values = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
        assert values["Seccomp"] == "2"
        assert values["NoNewPrivs"] == "1"
        assert int(values["CapBnd"], 16) == int(values["CapEff"], 16) == 0


def test_the_firewall_is_up(box: Booted) -> None:
    assert "policy drop" in box.run("nft", "list", "chain", "inet", "freizeichen", "incoming")


def test_asterisk_starts_again_without_preparing(box: Booted) -> None:
    before = box.shows("asterisk", "MainPID")
    box.run("systemctl", "kill", "--signal=KILL", "asterisk")
    box.wait_for(
        "Asterisk is back",
        lambda: (
            box.shows("asterisk", "MainPID") not in (before, "0")
            and box.shows("asterisk", "ActiveState") == "active"
        ),
    )
    assert box.shows("freizeichen-prepare", "Result") == "exec-condition"
    box.wait_for("the supervisor has found it", lambda: "Takes" in box.shows("freizeichen", "StatusText"))
    assert box.shows("freizeichen", "NRestarts") == "0"


def test_a_supervisor_that_hangs_is_replaced(box: Booted) -> None:
    before, asterisk = (box.shows(service, "MainPID") for service in ("freizeichen", "asterisk"))
    box.run("systemctl", "kill", "--signal=STOP", "freizeichen")
    box.wait_for(
        "another one takes calls",
        lambda: (
            box.shows("freizeichen", "MainPID") not in (before, "0")
            and box.shows("freizeichen", "StatusText") == "Takes calls."
        ),
    )
    assert "watchdog" in box.journal("-u", "freizeichen").lower()
    assert box.shows("asterisk", "MainPID") == asterisk, box.journal("--unit=asterisk")  # calls go on
