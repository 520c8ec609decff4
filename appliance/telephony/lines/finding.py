"""Finds the cards of this machine: reads what the kernel tells of them in sysfs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from appliance.telephony.lines.hardware import (
    Card,
    Device,
    Kind,
    Port,
    alarms_from_bits,
    alarms_from_words,
    devices_in_listing,
    kind_of_channel,
    kind_of_span,
)

SYSFS = Path("/sys/bus/dahdi_devices/devices")


def find_cards(sysfs: Path = SYSFS) -> list[Card]:
    """The cards DAHDI knows, by their spans; none where DAHDI is not loaded."""
    if not sysfs.is_dir():
        return []
    cards = [_card(device) for device in sysfs.iterdir()]
    return sorted(cards, key=lambda card: (min((port.span for port in card.ports), default=0), card.identity))


def find_devices() -> list[Device]:
    """Hardware for lines on PCI and USB, with or without a driver; none where ``dahdi_hardware`` is not."""
    try:
        done = subprocess.run(["dahdi_hardware"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return devices_in_listing(done.stdout)


def _card(device: Path) -> Card:
    ports: list[Port] = []
    spans = sorted(device.glob("span-*"), key=lambda span: int(span.name.removeprefix("span-")))
    for span in spans:
        ports += _ports(span, len(ports) + 1)
    location = _text(device / "location")
    maker = _text(device / "manufacturer")
    title = _text(device / "type")
    return Card(
        identity=_text(device / "hardware_id") or location or device.name,
        title=f"{maker} {title}".strip(),
        location=location,
        ports=tuple(ports),
    )


def _ports(span: Path, first: int) -> list[Port]:
    """An ISDN span is one port, an analogue one has a port for each channel."""
    number = int(span.name.removeprefix("span-"))
    base, count = int(_text(span / "basechan") or 0), int(_text(span / "channels") or 0)
    channels = tuple(range(base, base + count)) if base else ()
    alarms = alarms_from_bits(_text(span / "alarms"))
    is_digital = _text(span / "is_digital") == "1"
    span_type = _text(span / "spantype")
    kind = kind_of_span(span_type, count, is_digital=is_digital)
    is_simulated = span_type == "DYNAMIC"
    folders = sorted(span.glob("dahdi!chan!*"), key=_position)
    if kind in (Kind.BRI, Kind.PRI):
        hard_hdlc = any("Hardware" in _text(folder / "sigcap") for folder in folders)
        return [Port(first, kind, number, channels, alarms, hard_hdlc, is_simulated)]
    return [
        Port(
            first + place,
            kind or kind_of_channel(_text(folder / "sigcap")),
            number,
            (channel,),
            alarms | alarms_from_words(_text(folder / "alarms")),
            is_simulated=is_simulated,
        )
        for place, (channel, folder) in enumerate(zip(channels, folders, strict=False))
    ]


def _position(channel: Path) -> int:
    found = re.search(r"(\d+)$", channel.name)
    return int(found[1]) if found else 0


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:  # a card that is just being pulled out
        return ""
