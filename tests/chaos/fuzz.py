"""Fuzzing: generated input at every door of the box, counted; a door may refuse in its own way, nothing else.

Inputs are valid ones made worse (bytes flipped, pieces doubled, cut out, grown), with what is dangerous
somewhere mixed in. Each door has its share of the time.
"""

from __future__ import annotations

import io
import logging
import random
import re
import sqlite3
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asterisk.agi import AGIError
from werkzeug.routing import Rule

from appliance import backup
from appliance.hotline.callback_numbers import Refusal, read_keyed_number
from appliance.hotline.numbers import clean_caller_name, code_characters, to_e164
from appliance.mail import sound
from appliance.store.config import ConfigError, export_config, import_config, read_config, write_config
from appliance.store.database import open_store
from appliance.telephony.ami_protocol import Headers, MessageReader, ProtocolError, encode_action
from appliance.telephony.call_records import parse_record
from appliance.telephony.fastagi import CallerHungUp, CallerLeg
from tests.bench.comparing import Figure
from tests.chaos import acts
from tests.chaos.chaos import Chaos, shown
from tests.web.busy_office import EXAMPLE, busy_office
from tests.web.visiting import HERE, visitor
from webui import create_app

TITLE = "Fuzzing"
_SPICE = (
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\0",
        b"\xff",
        b"\xc3",
        b"${SHELL(id)}",
        b"$[1+1]",
        b"&PJSIP/9",
        b'"',
        b"\\",
        b" ",
    ),
    *(
        b"<script>",
        b"'; DROP TABLE calls;--",
        b"../../etc/passwd",
        b"%00",
        b"%0d%0a",
        b"-1",
        b"9" * 40,
        b"Event: ",
    ),
    *(b"HANGUP\n", b"200 result=", b"\xe2\x80\xae", b"\xf0\x9f\x93\x9e", b"=", b"[[", b"'''", b"\x1b[0m"),
    *(b"{{7*7}}", b"@" * 70),
)
_MANAGER = b"\r\n".join(
    (
        *(b"Asterisk Call Manager/9.0.0", b"Response: Success", b"ActionID: a-1", b"Message: ok", b""),
        *(b"Event: DeviceStateChange", b"Privilege: call,all", b"Device: PJSIP/desk_1", b"State: INUSE", b""),
        *(b"Event: Newchannel", b"Channel: PJSIP/line-1", b"CallerIDName: J\xc3\xb6rg", b"ChanVariable: A=b"),
        *(b"", b""),
    )
)
_AGI = b"\n".join(
    (
        *(b"agi_request: agi://127.0.0.1/call", b"agi_channel: PJSIP/line-1", b"agi_callerid: 01701"),
        *(
            b"agi_calleridname: Erika",
            b"agi_arg_1: 1795.1",
            b"agi_arg_2: 0931",
            b"agi_arg_3: STEP=arrived",
            b"",
        ),
        *(b"200 result=1 (no)", b"200 result=0", b"520-Invalid", b"520 End", b"200 result=-1"),
        *(b"511 Command not permitted on a dead channel", b"HANGUP", b"200 result=1 (yes)", b""),
    )
)
_RECORD = b'"CHAN_START","","1795625072.5","1795.1","PJSIP/line-1","01701","Erika","to 55510",""\n'

_PAGE_SHARE = 8  # a page takes longer than a line, and there are many
_UNSEEN = ("Cc", "Cf", "Zl", "Zp")  # categories of characters that no caller's name has

Door = Callable[[bytes, random.Random], None]
"""Takes one input; raises when the box did what it must not."""


def worse(valid: bytes, chance: random.Random) -> bytes:
    """A valid input, made worse in one to six places."""
    data = bytearray(valid)
    for _ in range(chance.randint(1, 6)):
        at, length = chance.randrange(len(data) + 1), chance.choice((1, 1, 2, 8, 40))
        match chance.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = chance.choice(_SPICE)
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                data[at:at] = chance.randbytes(length)
            case 5 if chance.random() < 0.3:
                del data[at:]
    return bytes(data)


def manager(data: bytes, chance: random.Random) -> None:
    """AMI: whatever comes, however it is cut, is messages or a ProtocolError, the same ones however cut."""
    whole, pieces = MessageReader(["DeviceStateChange"]), MessageReader(["DeviceStateChange"])
    once = _messages(whole, [data])
    cut = sorted(chance.randrange(len(data) + 1) for _ in range(5))
    again = _messages(pieces, [data[a:b] for a, b in zip([0, *cut], [*cut, len(data)], strict=True)])
    if once is not None and again is not None and once != again:
        raise AssertionError("what is read depends on where it was cut")


def _messages(reader: MessageReader, chunks: list[bytes]) -> list[tuple[tuple[str, str], ...]] | None:
    found: list[Headers] = []
    try:
        for chunk in chunks:
            found += reader.feed(chunk, ["a-1"])
    except ProtocolError:
        return None
    return [headers.pairs for headers in found]


def order(data: bytes, _chance: random.Random) -> None:
    """An action to AMI with such values: refused, or exactly the lines that were meant."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        sent = encode_action("Originate", "a-1", {"CallerID": text, "Variable": [text, "A=b"]})
    except ValueError:
        return
    if sent.count(b"\r\n") != 6 or b"\0" in sent:
        raise AssertionError("another header got in")


def replies(data: bytes, chance: random.Random) -> None:
    """FastAGI: Asterisk's replies, and what we send back with such a name in it."""
    sent = io.BytesIO()
    try:
        leg = CallerLeg(io.BytesIO(data), sent)
        number, name = leg.caller_id()
        to_e164(number, "DE", "931")
        leg.set("CALLERID(name)", clean_caller_name(name))
        leg.get(chance.choice(("DEPARTMENT", "DIALSTATUS", "STEP")))
        leg.play("/prompts/greeting", "123")
        leg.run("Dial", "PJSIP/desk_1", "20", name)
    except (CallerHungUp, AGIError):
        pass
    for line in sent.getvalue().split(b"\n")[:-1]:
        if not re.match(rb"(SET VARIABLE|GET VARIABLE|STREAM FILE|EXEC) ", line):
            raise AssertionError(f"a command that nobody gave: {line[:80]!r}")


def dialplan(data: bytes, _chance: random.Random) -> None:
    """What a caller gives into variables of the dialplan."""
    text = data.decode("utf-8", "replace")
    name = clean_caller_name(text)
    if code_characters(name) or any(unicodedata.category(each) in _UNSEEN for each in name):
        raise AssertionError(f"code in a name: {name!r}")
    for country, area in (("DE", "931"), ("AT", "1"), ("FR", "")):
        number = to_e164(text, country, area)
        if number is not None and not re.fullmatch(r"\+[0-9]{4,16}", number):
            raise AssertionError(f"not a number: {number!r}")
        keyed = read_keyed_number(text, country=country, area_code=area, own_numbers=frozenset(),
                                  foreign_allowed=frozenset())  # fmt: skip
        if not isinstance(keyed, Refusal) and not re.fullmatch(r"\+[0-9]{4,16}", keyed):
            raise AssertionError(f"dialled: {keyed!r}")


def records(data: bytes, _chance: random.Random) -> None:
    """Asterisk's call records, which may be cut off by a power cut."""
    for line in data.decode("utf-8", "replace").splitlines(keepends=True):
        parse_record(line)


def configuration(data: bytes, _chance: random.Random) -> None:
    """The configuration file: every error at once, or a config that is written and read back the same."""
    try:
        config = read_config(data)
    except ConfigError as error:
        if not error.text("de") or not error.text("en"):
            raise AssertionError("refused without a word") from error
        return
    if read_config(write_config(config)) != config:
        raise AssertionError("not the same when it is written and read again")


def recordings(data: bytes, _chance: random.Random) -> None:
    """A sound file."""
    try:
        samples = sound.read_wav(data)
    except sound.SoundError:
        return
    sound.trim(samples)


class Backups:
    """A backup that somebody uploads."""

    def __init__(self, folder: Path) -> None:
        self.settings = acts.prepare(folder)
        self.file = folder / "restore.zip"
        backup.write_backup(self.settings, self.file)
        self.valid = self.file.read_bytes()

    def __call__(self, data: bytes, _chance: random.Random) -> None:
        self.file.write_bytes(data)
        try:
            backup.check_backup(self.settings, self.file)
        except backup.BackupError as error:
            if not error.german or not error.english:
                raise AssertionError("refused without a word") from error


class Page:
    """Every address of the page, as an admin who is signed in, with such parameters and forms."""

    def __init__(self, folder: Path) -> None:
        box, settings, self.db = busy_office(folder)
        self.app = create_app(settings.store, box=box)
        self.browser = visitor(self.app)
        self.browser.sign_in(self.db, "fuzz")
        self.rules = [rule for rule in self.app.url_map.iter_rules() if "stream" not in str(rule)]
        self.names = sorted(set(re.findall(r'name="([a-z_]+)"', self._templates())))

    def _templates(self) -> str:
        folder = Path(self.app.root_path) / "templates"
        return "".join(file.read_text("utf-8") for file in folder.glob("*.html"))

    def __call__(self, data: bytes, chance: random.Random) -> None:
        rule = chance.choice(self.rules)
        words = [data[start : start + 20].decode("utf-8", "replace") for start in range(0, 100, 20)]
        where = self._address(rule, words, chance)
        if rule.methods and "POST" in rule.methods and chance.random() < 0.7:
            form: dict[str, Any] = {chance.choice(self.names): chance.choice(words) for _ in range(4)}
            if chance.random() < 0.3:
                form["file"] = (io.BytesIO(data), chance.choice(words) or "x")
            answer = self.browser.post(where, data=form, headers=HERE)
        else:
            answer = self.browser.get(where, query_string={chance.choice(self.names): chance.choice(words)})
        if answer.status_code >= 500:
            raise AssertionError(f"{rule.rule}: {answer.status_code}")
        answer.close()
        if chance.random() < 0.02:
            self.browser.sign_in(self.db, "fuzz")  # it may have signed itself out, or removed itself

    def _address(self, rule: Rule, words: list[str], chance: random.Random) -> str:
        values = {
            name: chance.choice(("support", "anna", "de", "greeting", "week", *words)) or "x"
            for name in rule.arguments
        }
        numbers = {name for name in rule.arguments if f"int:{name}" in rule.rule}
        values |= {name: chance.choice((0, 1, 2, 10**12)) for name in numbers}  # type: ignore[misc]
        with self.app.test_request_context():
            return self.app.url_map.bind("localhost").build(rule.endpoint, values, method=None)


def doors(folder: Path) -> dict[str, tuple[Door, bytes]]:
    """Each with a valid input."""
    backups = Backups(folder / "backups")
    db = open_store(":memory:")
    import_config(db, read_config(EXAMPLE.read_bytes()))
    example = write_config(export_config(db)).encode()
    wav = sound.write_wav(acts.WORDS[:2000])
    return {
        "manager messages": (manager, _MANAGER),
        "orders to the manager": (order, b'"Erika" <01701234567>'),
        "FastAGI replies": (replies, _AGI),
        "caller-given text": (dialplan, "Jörg Weiß +49 931 / 123456".encode()),
        "call records": (records, _RECORD * 3),
        "configuration files": (configuration, example),
        "sound files": (recordings, wav),
        "backups": (backups, backups.valid),
        "addresses and forms of the page": (
            Page(folder / "page"),
            b"support 0931 55510 anna 08:00-17:00 " * 4,
        ),
    }


def measured(chaos: Chaos) -> list[Figure]:
    """Every door for its share of the time, or `size` inputs each."""
    logging.disable(logging.CRITICAL)
    figures, all_tried = [], 0
    found = doors(chaos.folder)
    seconds = 60 * chaos.minutes / (len(found) + _PAGE_SHARE - 1)
    for place, (name, (door, valid)) in enumerate(found.items()):
        chaos.progress(f"{TITLE}: {name}", 100 * place // len(found))
        share = seconds * (_PAGE_SHARE if isinstance(door, Page) else 1)
        tried, faults = knock(door, valid, chaos.seed, share, chaos.size)
        all_tried += tried
        figures.append(Figure(f"{name}: wrong", faults.total(), "", at_most=0,
                              seen=f"of {tried} inputs. {shown(faults)}".strip()))  # fmt: skip
    logging.disable(logging.NOTSET)
    return [*figures, Figure("inputs in all", all_tried, "")]


def knock(door: Door, valid: bytes, seed: int, seconds: float, most: int | None) -> tuple[int, Counter[str]]:
    """How many inputs were tried, and what went wrong."""
    chance = random.Random(seed)
    faults: Counter[str] = Counter()
    tried, until = 0, time.monotonic() + seconds
    while (most is None or tried < most) and (tried % 16 or time.monotonic() < until):
        tried += 1
        data = worse(valid, chance)
        try:
            door(data, chance)
        except (Exception, sqlite3.Error) as error:
            faults[f"{type(error).__name__}: {str(error)[:100]}"] += 1
    return tried, faults
