"""Runs in the machine: pulls the exchange's end of a loop out, or plugs it in again.

``python3 -m tests.lines.cable LOOP out|in|flaps``: flaps is out and in every second for a minute.
"""

from __future__ import annotations

import fcntl
import struct
import sys
import time

from tests.lines.loops import LOOPS

_SPAN = struct.Struct("20s40siii")  # struct dahdi_dynamic_span of dahdi/user.h
_WRITE, _READ = 1, 2


def _request(direction: int, number: int) -> int:
    """The number of an ioctl, as <asm/ioctl.h> makes it."""
    return direction << 30 | _SPAN.size << 16 | 0xDA << 8 | number


_CREATE, _DESTROY = _request(_READ | _WRITE, 80), _request(_WRITE, 81)


def _order(request: int, loop: str) -> None:
    shape = LOOPS[loop]
    span = bytearray(_SPAN.pack(b"loc", f"{shape.key}:1".encode(), shape.channels, 0, 0))
    with open("/dev/dahdi/ctl", "rb+", buffering=0) as control:  # noqa: PTH123 - a device
        fcntl.ioctl(control, request, span)


def main(loop: str, what: str) -> None:
    """Do it."""
    if what != "flaps":
        _order(_DESTROY if what == "out" else _CREATE, loop)
        return
    for _ in range(60):
        _order(_DESTROY, loop)
        time.sleep(0.5)
        _order(_CREATE, loop)
        time.sleep(0.5)


if __name__ == "__main__":
    main(*sys.argv[1:])
