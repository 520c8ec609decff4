"""Somebody knocks at the box's SIP port: the page tells of it, and what Asterisk writes of it has an end."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable
from datetime import timedelta

from appliance.simulator.office import SimulatedOffice
from appliance.store import times
from appliance.telephony.asterisk_log import knocking, shorten

STRANGER = "127.0.0.9"


def test_who_is_refused_is_told_and_the_log_goes_on_after_it_was_shortened(
    make_office: Callable[..., SimulatedOffice],
) -> None:
    office = make_office(supervisor=False)
    log, numbers = office.settings.asterisk_log, itertools.count()

    def knocks() -> list[str]:
        knock(office, next(numbers))
        return knocking(log, times.now())

    office.wait_for("the stranger is noticed", lambda: knocks() == [STRANGER])
    _, report = office.command("status")
    assert any(STRANGER in problem for problem in report["problems"])

    kept = log.read_bytes()
    shorten(log, times.now() - timedelta(days=1))
    assert log.read_bytes().startswith(kept), "Asterisk's times are understood"
    shorten(log, times.now() + timedelta(days=1))
    assert len(log.read_bytes()) < len(kept)
    office.wait_for("Asterisk writes on", lambda: knocks() or STRANGER in log.read_text())
    assert log.read_bytes().startswith(b"["), "at the new end of the file"


def knock(office: SimulatedOffice, number: int) -> None:
    """Somebody whom the box does not know wants to call."""
    box = office.settings.sip_address, office.settings.sip_port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((STRANGER, 0))
        host, port = sender.getsockname()
        lines = [
            f"INVITE sip:100@{box[0]} SIP/2.0", f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{number}",
            f"From: <sip:100@{host}>;tag={number}", f"To: <sip:100@{box[0]}>", f"Call-ID: {number}@{host}",
            "CSeq: 1 INVITE", "Max-Forwards: 70", f"Contact: <sip:100@{host}:{port}>", "Content-Length: 0",
        ]  # fmt: skip
        sender.sendto("\r\n".join([*lines, "", ""]).encode(), box)
