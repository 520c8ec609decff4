"""What was found, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.telephony.lines.hardware import Alarm, Card, Device, Kind, Port

_KINDS = {
    Kind.BRI: ("ISDN", "ISDN"),
    Kind.PRI: ("ISDN-Primärmultiplex", "ISDN primary rate"),
    Kind.FXO: ("Analogleitung", "analogue line"),
    Kind.FXS: ("analoges Telefon", "analogue phone"),
    None: ("Art unbekannt", "kind unknown"),
}
_ALARMS = {
    Alarm.RED: ("kein Signal", "no signal"),
    Alarm.BLUE: ("Gegenstelle ohne Signal", "no signal at the other end"),
    Alarm.NOT_OPEN: ("nicht in Betrieb", "not in operation"),
    Alarm.YELLOW: ("Gegenstelle empfängt uns nicht", "the other end does not receive us"),
    Alarm.LOOP: ("Prüfschleife", "test loop"),
    Alarm.RECOVERING: ("kommt gerade wieder", "just coming back"),
}


def describe(cards: Sequence[Card], language: str) -> list[str]:
    """One sentence per card with its ports, in German ('de') or English; one that says so for none."""
    german = language == "de"
    if not cards:
        return [
            "Keine Karte für Telefonleitungen gefunden." if german else "No card for telephone lines found."
        ]
    return [
        f"{_card(card, german)}: {', '.join(_port(port, german) for port in card.ports)}" for card in cards
    ]


def describe_devices(devices: Sequence[Device], language: str) -> list[str]:
    """A sentence for each device that no driver has taken."""
    return [
        f"{device.title} ({device.address}): kein Treiber hat sie übernommen."
        if language == "de"
        else f"{device.title} ({device.address}): no driver has taken it."
        for device in devices
        if not device.has_driver
    ]


def signal(port: Port, language: str) -> str:
    """What arrives at a port: 'connected', or what is wrong."""
    german = language == "de"
    for alarm, words in _ALARMS.items():
        if alarm in port.alarms:
            return words[not german]
    return "verbunden" if german else "connected"


def _card(card: Card, german: bool) -> str:
    count = len(card.ports)
    ports = (
        f"{count} {'Anschluss' if count == 1 else 'Anschlüsse'}"
        if german
        else f"{count} port{'s'[: count != 1]}"
    )
    where = f", {card.location}" if card.location else ""
    return f"{card.title} ({ports}{where})"


def _port(port: Port, german: bool) -> str:
    kind = _KINDS[port.kind][not german]
    if german:
        return f"Anschluss {port.number} {kind}, {signal(port, 'de')}"
    return f"port {port.number} {kind}, {signal(port, 'en')}"
