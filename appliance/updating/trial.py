"""A new system proves itself: only when it answers is it chosen for good; else the box restarts."""

from __future__ import annotations

import http.client
import secrets
import socket
import subprocess
from collections.abc import Callable, Mapping
from typing import Final

TRIAL_SECONDS: Final = 300.0
"""Longer than the slowest start seen, and no more than a caller may be lost for."""
_LOOK_SECONDS: Final = 10.0

Check = Callable[[], bool]


def proves_itself(
    checks: Mapping[str, Check], *, now: Callable[[], float], wait: Callable[[], None]
) -> list[str]:
    """Look until all checks are good in one round; returns the names of those that never were, none when it
    has proved itself."""
    until = now() + TRIAL_SECONDS
    while True:
        missing = [name for name, check in checks.items() if not check()]
        if not missing or now() > until:
            return missing
        wait()


def answers_sip(port: int) -> bool:
    """Whether Asterisk answers a caller: any answer to OPTIONS over SIP will do."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.settimeout(_LOOK_SECONDS)
        try:
            caller.connect(("127.0.0.1", port))
            me = f"127.0.0.1:{caller.getsockname()[1]}"
            mark = secrets.token_hex(8)
            lines = (
                f"OPTIONS sip:127.0.0.1:{port} SIP/2.0",
                f"Via: SIP/2.0/UDP {me};branch=z9hG4bK{mark};rport",
                "Max-Forwards: 1",
                f"From: <sip:trial@{me}>;tag={mark}",
                f"To: <sip:127.0.0.1:{port}>",
                f"Call-ID: {mark}",
                "CSeq: 1 OPTIONS",
                "Content-Length: 0",
                "",
                "",
            )
            caller.send("\r\n".join(lines).encode())
            return caller.recv(4096).startswith(b"SIP/2.0 ")
        except OSError:
            return False


def answers_page(port: int) -> bool:
    """Whether the office's page is there."""
    try:
        page = http.client.HTTPConnection("127.0.0.1", port, timeout=_LOOK_SECONDS)
        page.request("GET", "/", headers={"Host": "freizeichen.local"})
        return page.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False


def is_ready(service: str) -> bool:
    """Whether a service has told systemd that it is ready."""
    done = subprocess.run(["systemctl", "is-active", "--quiet", service], check=False)
    return done.returncode == 0
