"""Prepares a box to run: folders, prompts in force, Asterisk's rendered configuration."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from sqlite_utils import Database

from appliance.hotline.numbers import emergency_numbers, spoken
from appliance.settings import Settings, SipLine
from appliance.store.config import transfer_keys
from appliance.store.database import open_store
from appliance.store.office import (
    dialled_forms,
    numbers,
    office_facts,
    phones,
    put_on_cards,
    short_numbers,
    watchable,
)
from appliance.telephony.asterisk import AsteriskInstance
from appliance.telephony.box import DIALPLAN, box_instance, box_templates
from appliance.telephony.lines.country import country
from appliance.telephony.lines.driver import configure_lines
from appliance.telephony.lines.finding import find_cards
from appliance.telephony.lines.outward import calls_pattern, channel_beginnings
from appliance.telephony.lines.wiring import WiredLine, devices, template_values, wire
from appliance.telephony.prompts.install import install_prompts, music_entries
from appliance.telephony.sandbox import AsteriskProgram

log = logging.getLogger(__name__)


def prepare_box(settings: Settings, program: AsteriskProgram) -> AsteriskInstance:
    """Make everything Asterisk needs before it starts, from the store and the settings.

    Raises MissingPrompts when a prompt has no sound: a caller must never hear silence or
    another language instead. Lines whose card is not there, or which the driver refuses, are left
    out; the log says so.
    """
    for folder in (
        *(settings.recordings, settings.prompt_recordings),
        *(settings.own_recordings, settings.asterisk),
    ):
        folder.mkdir(parents=True, exist_ok=True)
    pieces = sorted(program.music.iterdir())
    install_prompts(
        settings.prompts,
        debian_sounds=program.sounds,
        recordings=settings.own_recordings,
        pieces=pieces,
    )
    db = open_store(settings.store)
    wired, faults = wire(settings.card_lines, find_cards())
    template = box_templates().get_template("system.conf.j2")
    taken, refused = configure_lines(
        wired, lambda line: template.render(_line_values(db, [line])), settings.state
    )
    put_on_cards(db, devices(taken))
    for fault in faults + refused:
        log.error("%s", fault.english)
    _taken_lines(settings).write_text("\n".join(line.line.name for line in taken))
    instance, _ = box_instance(
        program,
        settings.asterisk,
        values={
            **reloadable_values(db, settings),
            "manager_port": settings.manager_port,
            "rtp_ports": settings.rtp_ports,
            "store": settings.store,
            "languages": ("de", "en"),
            "music_pieces": music_entries(settings.prompts, len(pieces)),
        },
    )
    db.close()
    _finish_torn_line(settings.call_records)
    spare_the_disk(instance.folder / "db" / "astdb.sqlite3")
    return instance


def reloadable_values(db: Database, settings: Settings) -> dict[str, object]:
    """What those files need that Asterisk can load again while calls go on: phones, dialplan, transfer keys.

    Of the cards' lines only those are counted which the driver took when the box was prepared.
    """
    facts = office_facts(db)
    names = _taken_lines(settings).read_text().split("\n")
    wired = [line for line in wire(settings.card_lines, find_cards())[0] if line.line.name in names]
    return {
        "fastagi_port": settings.fastagi_port,
        "sip_address": settings.sip_address,
        "sip_port": settings.sip_port,
        "lines": settings.sip_lines,
        "prompts": settings.prompts,
        "recordings": settings.recordings,
        "call_records": settings.call_records,
        "dialplan": DIALPLAN,
        "language": facts.language,
        "phones": phones(db),
        "directory": watchable(db),
        "transfer_keys": transfer_keys(db),
        **emergency_values(settings, wired, facts.country, numbers(db)),
        **outside_values(settings, wired),
        **_line_values(db, wired),
    }


def _line_values(db: Database, wired: Sequence[WiredLine]) -> dict[str, object]:
    facts = office_facts(db)
    return template_values(
        wired,
        country=country(facts.country),
        area_code=facts.area_code,
        dialled=dialled_forms(db),
        extensions={phone["name"]: phone["extension"] for phone in phones(db)},
        inside=[*short_numbers(db), *emergency_numbers(facts.country)],
    )


def _taken_lines(settings: Settings) -> Path:
    """Where it is kept which lines of cards the driver took."""
    return settings.asterisk / "taken-lines"


def emergency_values(
    settings: Settings, wired: Sequence[WiredLine], land: str, own_numbers: Sequence[str]
) -> dict[str, object]:
    """How the dialplan reaches the emergency services: every line that goes out, in their order."""
    beginnings = channel_beginnings(settings.outward_lines, wired)
    usable = [line for line in settings.outward_lines if beginnings[line.name]]
    return {
        "emergency_numbers": emergency_numbers(land),
        "emergency_lines": [
            *(
                line.destination_if_alive("NUMBER")
                if isinstance(line, SipLine)
                else line.destination("NUMBER", "NUMBER")
                for line in usable
            ),
            *(line.destination("NUMBER", "NUMBER") for line in usable if isinstance(line, SipLine)),
        ],
        "emergency_channels": calls_pattern(begins for found in beginnings.values() for begins in found),
        "emergency_ends_calls": settings.emergency_ends_calls,
        "office_number": spoken(own_numbers[0], land) if own_numbers else "",
    }


def outside_values(settings: Settings, wired: Sequence[WiredLine]) -> dict[str, object]:
    """How the dialplan itself reaches somebody outside: over the first line to the exchange."""
    line = settings.outward_line
    beginnings = channel_beginnings([line], wired)[line.name] if line else ()
    return {
        "outside": line.destination("NUMBER", "DIGITS") if line and beginnings else "",
        "outside_calls": calls_pattern(beginnings),
        "outside_channels": line.channels if line else 0,
        "outside_shows": line.shown("number", "digits") if line else "",
    }


def spare_the_disk(astdb: Path, patience_seconds: float = 5.0) -> None:
    """Asterisk's own database keeps the mode it is once given: one sync a commit in place of four."""
    try:
        with contextlib.closing(sqlite3.connect(astdb, patience_seconds)) as db:
            db.execute("PRAGMA page_size = 1024")  # of a new one; its rows are short
            db.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:  # it is in use: as it has been until now
        log.info("Asterisk's database stays as it is: %s", error)


def _finish_torn_line(records: Path) -> None:
    """After a power cut the last line may be torn: end it, so that the next one is whole."""
    if not records.exists():
        return
    with records.open("rb+") as file:
        size = file.seek(0, 2)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")
