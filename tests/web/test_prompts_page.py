"""The prompts' page: hearing, recording anew, undo, and files that are no recordings."""

from __future__ import annotations

import io
import itertools
import math
import re
import struct
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.office_page import BoxOfSettings
from appliance.own_prompts import bring_into_force
from appliance.settings import Settings
from appliance.store import own_prompts, times
from appliance.store.changes import by_page
from appliance.store.database import open_store
from appliance.telephony.prompts.catalogue import load_catalogue
from appliance.telephony.prompts.install import check_prompts, sound_file
from appliance.telephony.prompts.recordings import ACTIVE_DBFS, read, resample, to_prompt
from appliance.telephony.prompts.sounds import samples
from tests.web.busy_office import settings_of
from tests.web.visiting import HERE, Visitor, visitor, words
from webui import create_app
from webui.prompts import LARGEST_UPLOAD_BYTES
from webui.texts import TEXTS

Office = tuple[Visitor, Database, Settings]


def tone(
    seconds: float = 1.0, rate: int = 44100, channels: int = 1, width: int = 2, hertz: float = 440
) -> bytes:
    """A WAV file of a tone, half as loud as possible."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(width)
        wav.setframerate(rate)
        values = (0.5 * math.sin(2 * math.pi * hertz * n / rate) for n in range(int(seconds * rate)))
        if width == 1:
            wav.writeframes(bytes(round(128 + 127 * v) for v in values for _ in range(channels)))
        else:
            top = 2 ** (8 * width - 1) - 1
            wav.writeframes(
                b"".join(round(top * v).to_bytes(width, "little", signed=True) * channels for v in values)
            )
    return file.getvalue()


@pytest.fixture(scope="module")
def recording() -> bytes:
    return tone()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """The admin's browser, the store, and where the box keeps its things."""
    settings = settings_of(tmp_path)
    db = open_store(settings.store, durable=False)
    client = visitor(create_app(settings.store, box=BoxOfSettings(settings)))
    client.sign_in(db, "ada")
    yield client, db, settings
    db.close()


def upload(client: Visitor, content: bytes, where: str = "de/greeting", name: str = "a.wav") -> str:
    """Send a file; the sentence that refuses it, '' when it was taken."""
    answer = client.post(f"/prompts/{where}", data={"file": (io.BytesIO(content), name)}, headers=HERE)
    if answer.status_code == 303:
        assert answer.headers["Location"] == f"/prompts/{where}"
        return ""
    return words(answer.get_data(as_text=True), "reason")


def heard(settings: Settings, key: str = "greeting", language: str = "de") -> bytes:
    """The samples Asterisk plays."""
    return samples(sound_file(settings.prompts, key, language)).tobytes()


def line(client: Visitor, key: str, language: str = "de") -> str:
    return words(client.get(f"/prompts?lang=de&of={language}").get_data(as_text=True), key)


def test_every_prompt_stands_there_with_its_text_in_each_language(office: Office) -> None:
    client, _, _ = office
    for language in ("de", "en"):
        page = client.get(f"/prompts?lang=de&of={language}").get_data(as_text=True)
        families = re.findall(r"of=\w+&amp;family=([a-z-]+)\"", page)
        assert {"hour", "position"} <= set(families)
        pages = [
            page,
            *(
                client.get(f"/prompts?lang=de&of={language}&family={name}").get_data(as_text=True)
                for name in families
            ),
        ]
        for key, prompt in load_catalogue().items():
            there = [each for each in pages if f'href="/prompts/{language}/{key}.wav"' in each]
            assert len(there) == 1, key
            assert prompt.texts[language] in words(there[0], key)
        assert "eingebaute Stimme" in words(page, "greeting")
        assert all(len(each.encode()) < 60_000 for each in pages), "short enough to be read"


def test_what_is_changed_in_a_family_stands_for_itself(office: Office) -> None:
    client, db, _ = office
    own_prompts.set_sound(db, "hour-8", "de", tone(0.2, 8000)[44:], by_page("ada"), times.now())
    page = client.get("/prompts?lang=de&of=de").get_data(as_text=True)
    assert 'id="hour-8"' in page
    assert 'id="hour-9"' not in page


def test_search_finds_words_and_names(office: Office) -> None:
    client, _, _ = office
    page = client.get("/prompts?lang=de&of=de&search=willKOMMEN").get_data(as_text=True)
    assert 'id="greeting"' in page
    assert 'id="closed"' not in page
    assert "Keine Ansage passt dazu." in client.get("/prompts?lang=de&search=<script>").get_data(as_text=True)


@pytest.mark.parametrize("language", ["de", "en"])
def test_what_callers_hear_is_played(office: Office, language: str) -> None:
    client, _, settings = office
    answer = client.get(f"/prompts/{language}/position-7.wav")
    assert (answer.status_code, answer.mimetype) == (200, "audio/wav")
    with wave.open(io.BytesIO(answer.data)) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, 8000)
        assert wav.readframes(wav.getnframes()) == heard(settings, "position-7", language)


@pytest.mark.parametrize(
    "where", ["de/nothing", "fr/greeting", "de/..%2f..%2fbox", "de/greeting%00", "en/GREETING"]
)
def test_a_prompt_there_is_not_is_neither_played_nor_set(
    office: Office, recording: bytes, where: str
) -> None:
    client, db, _ = office
    assert client.get(f"/prompts/{where}.wav").status_code == 404
    assert upload(client, recording, where) == TEXTS["de"]("error.404")
    for act in ("undo", "built-in"):
        assert client.post(f"/prompts/{where}/{act}", data={"seen": "1"}, headers=HERE).status_code == 404
    assert own_prompts.newest(db) == {}


def test_a_recording_is_saved_then_heard_then_undone(office: Office, recording: bytes) -> None:
    client, db, settings = office
    built_in = heard(settings)
    assert upload(client, recording) == ""
    assert "gespeichert, Anrufer hören noch das Alte" in line(client, "greeting")
    assert heard(settings) == built_in, "nothing is heard that is not in force"
    fresh = client.get("/prompts/de/greeting.wav?new").data[44:]
    assert client.get("/prompts/de/greeting.wav").data[44:] == built_in

    assert bring_into_force(db, settings) == 1
    assert bring_into_force(db, settings) == 0
    assert heard(settings) == fresh
    assert "eigene Aufnahme · ada" in line(client, "greeting")
    assert "Anrufer hören noch" not in line(client, "greeting")
    assert "eingebaute Stimme" in line(client, "greeting", "en"), "the other language keeps its own"
    check_prompts(settings.prompts)

    seen = str(own_prompts.newest(db)["greeting", "de"].id)
    answer = client.post("/prompts/de/greeting/undo", data={"seen": seen}, headers=HERE)
    assert answer.status_code == 303
    assert bring_into_force(db, settings) == 1
    assert heard(settings) == built_in
    assert not (settings.own_recordings / "de" / "greeting.wav").exists()


def test_undo_goes_back_to_the_recording_before(office: Office) -> None:
    client, db, settings = office
    first, second = tone(hertz=440), tone(hertz=880)
    assert upload(client, first) == ""
    bring_into_force(db, settings)
    before = heard(settings)
    assert upload(client, second) == ""
    bring_into_force(db, settings)
    assert heard(settings) != before
    seen = own_prompts.newest(db)["greeting", "de"].id
    client.post("/prompts/de/greeting/undo", data={"seen": str(seen)}, headers=HERE)
    bring_into_force(db, settings)
    assert heard(settings) == before
    late = client.post("/prompts/de/greeting/undo", data={"seen": str(seen)}, headers=HERE)
    assert late.status_code == 409, "two people undoing the same thing undo it once"
    assert heard(settings) == before


def test_the_built_in_voice_comes_back_and_so_does_the_recording(office: Office, recording: bytes) -> None:
    client, db, settings = office
    built_in = heard(settings)
    upload(client, recording)
    bring_into_force(db, settings)
    own = heard(settings)
    assert client.post("/prompts/de/greeting/built-in", data={}, headers=HERE).status_code == 303
    bring_into_force(db, settings)
    assert heard(settings) == built_in
    seen = str(own_prompts.newest(db)["greeting", "de"].id)
    client.post("/prompts/de/greeting/undo", data={"seen": seen}, headers=HERE)
    bring_into_force(db, settings)
    assert heard(settings) == own


def test_old_recordings_do_not_pile_up(office: Office) -> None:
    client, db, _ = office
    for hertz in range(400, 400 + 5 * 50, 50):
        assert upload(client, tone(0.5, 8000, hertz=hertz)) == ""
    assert db.execute("SELECT count(*) FROM own_prompts").fetchone()[0] == own_prompts.KEPT_VERSIONS


def test_a_disk_that_is_full_leaves_the_old_sound_in_force(
    office: Office, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, db, settings = office
    built_in = heard(settings)
    upload(client, recording)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("appliance.mail.files.write_durably", full)
    with pytest.raises(OSError, match="No space"):
        bring_into_force(db, settings)
    assert heard(settings) == built_in
    assert "Anrufer hören noch das Alte" in line(client, "greeting")
    monkeypatch.undo()
    assert bring_into_force(db, settings) == 1
    assert heard(settings) != built_in


def lying_header() -> bytes:
    """A WAV file that says it lasts an hour."""
    content = bytearray(tone(0.5, 8000))
    content[40:44] = struct.pack("<I", 2 * 8000 * 3600)
    return bytes(content)


WRONG = {
    "zero bytes": (b"", "empty"),
    "text": (b"Das ist ein Brief und keine Aufnahme. " * 50, "not wav"),
    "mp3 with a script": (
        b"ID3\x04\x00\x00\x00\x00\x00\x21TIT2<script>alert(1)</script>" + b"\xff\xfb" * 99,
        "not wav",
    ),
    "only a header": (b"RIFF\x24\x00\x00\x00WAVE", "not pcm"),
    "cut off in the header": (tone(0.5, 8000)[:30], "not wav"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(500), "not wav"),
    "not PCM": (
        tone(0.5, 8000).replace(b"\x01\x00\x01\x00\x40\x1f", b"\x06\x00\x01\x00\x40\x1f", 1),
        "not pcm",
    ),
    "six channels": (tone(0.4, 8000, channels=6), "channels"),
    "too few samples a second": (tone(1, 4000), "rate"),
    "too long": (tone(121, 8000, width=1), "long"),
    "says it lasts an hour": (lying_header(), "long"),
    "too short": (tone(0.2, 8000), "short"),
    "no samples": (tone(0, 8000), "short"),
    "silence": (tone(1, 8000).replace(tone(1, 8000)[44:], bytes(16000)), "silent"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_file_that_is_no_prompt_is_refused_with_the_reason(office: Office, kind: str) -> None:
    client, db, _ = office
    content, reason = WRONG[kind]
    assert upload(client, content) == TEXTS["de"](f"upload.{reason}")
    assert own_prompts.newest(db) == {}


def test_no_file_and_too_large_a_file_are_refused(office: Office) -> None:
    client, db, _ = office
    assert upload(client, b"", name="") == TEXTS["de"]("upload.none")
    none = client.post("/prompts/de/greeting", data={"file": "text"}, headers=HERE)
    assert words(none.get_data(as_text=True), "reason") == TEXTS["de"]("upload.none")
    assert upload(client, bytes(LARGEST_UPLOAD_BYTES + 1)) == TEXTS["de"]("error.413")
    assert own_prompts.newest(db) == {}


def test_only_an_admin_changes_prompts(office: Office, recording: bytes) -> None:
    client, db, _ = office
    bert = visitor(client.application)
    bert.sign_in(db, "bert", "agent")
    assert upload(bert, recording) == TEXTS["de"]("error.may_not_prompt")
    page = bert.get("/prompts?lang=de").get_data(as_text=True)
    assert '/prompts/de/greeting"' not in page
    assert bert.get("/prompts/de/greeting").status_code == 403
    assert 'type="file"' in client.get("/prompts/de/greeting").get_data(as_text=True)
    assert 'class="play"' in page
    assert own_prompts.newest(db) == {}


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize(("channels", "width"), [(1, 1), (1, 2), (2, 2), (1, 3), (2, 4)])
def test_every_usual_wav_becomes_the_same_tone_at_the_level_of_the_other_prompts(
    rate: int, channels: int, width: int
) -> None:
    sound = array("h", to_prompt(tone(0.4, rate, channels, width)))
    assert len(sound) == pytest.approx(0.4 * 8000, abs=400)
    middle = sound[400:-400]
    rms = math.sqrt(sum(value * value for value in middle) / len(middle))
    assert 20 * math.log10(rms / 32768) == pytest.approx(ACTIVE_DBFS, abs=0.5)
    ups = sum(a < 0 <= b for a, b in itertools.pairwise(middle))
    assert ups / (len(middle) / 8000) == pytest.approx(440, abs=5)


def test_what_a_telephone_cannot_carry_does_not_fold_back() -> None:
    def level(hertz: float) -> float:
        sound = resample(*read(tone(0.4, 48000, hertz=hertz)))[400:-400]
        return math.sqrt(sum(value * value for value in sound) / len(sound)) / 32768

    passed = level(1000)
    assert passed == pytest.approx(0.5 / math.sqrt(2), rel=0.02)
    for hertz in (5000, 7000, 9000, 15000):
        assert 20 * math.log10(level(hertz) / passed + 1e-9) < -50


def test_silence_at_the_ends_goes_but_for_a_tenth_of_a_second() -> None:
    said = array("h", tone(0.5, 8000)[44:])
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setparams((1, 2, 8000, 0, "NONE", ""))
        wav.writeframes(bytes(2 * 8000 * 2) + said.tobytes() + bytes(3 * 8000 * 2))
    assert len(to_prompt(file.getvalue())) / 2 / 8000 == pytest.approx(0.7, abs=0.03)
