"""Texts read by the built-in voice, greetings of one's own, music on hold; any sound file by the browser."""

from __future__ import annotations

import io
from array import array
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from appliance import office_page
from appliance.mail.sound import write_mp3
from appliance.own_prompts import bring_into_force
from appliance.simulator import hearing
from appliance.store import own_prompts, users, wishes
from appliance.store.liveness import Alive
from appliance.telephony.prompts.install import (
    MUSIC,
    MUSIC_ON_HOLD,
    install_prompts,
    music_entries,
    sound_file,
)
from appliance.telephony.prompts.sounds import samples
from appliance.telephony.prompts.speech import speech_file
from appliance.telephony.prompts.voice import CannotSpeak, Voice, ensure_voice, find_voice, speak
from appliance.telephony.sandbox import shown_progress
from tests.web.set_up_office import set_up_office
from tests.web.test_browser import Office, context, signed_in
from tests.web.test_browser import browser as browser
from tests.web.test_browser import office as busy
from tests.web.test_prompts_page import Office as Small
from tests.web.test_prompts_page import heard, line, tone, upload
from tests.web.test_prompts_page import office as office
from tests.web.visiting import HERE, post, visitor, words
from webui.prompts import LONGEST_TEXT
from webui.texts import TEXTS

busy_office = busy
TO_FETCH_SECONDS = 300  # the voice comes from Debian the first time
VOICE = speech_file("leave-message", "de")


@pytest.fixture
def voice() -> Voice:
    """The built-in voice, unpacked first if need be."""
    with shown_progress("Voice") as progress:
        return ensure_voice(progress)


def refused(client: object, where: str, **form: str) -> str:
    answer = post(client, where, **form)  # type: ignore[arg-type]
    assert answer.status_code >= 400
    return words(answer.get_data(as_text=True), "reason")


# --- read by the built-in voice


@pytest.mark.timeout(TO_FETCH_SECONDS)
def test_a_text_is_read_and_kept_with_the_prompt(office: Small, voice: Voice) -> None:
    client, db, settings = office
    assert voice.name
    text = "Guten Tag. Hier ist die Kanzlei <Weiß> & Söhne."
    assert post(client, "/prompts/de/greeting/speak", text=text).status_code == 303
    bring_into_force(db, settings)
    spoken = array("h", heard(settings))
    assert 1.5 < len(spoken) / 8000 < 10, "as long as it takes to say it"
    assert "Kanzlei <Weiß> & Söhne" in line(client, "greeting")
    assert "eigener Text, vorgelesen" in line(client, "greeting")
    page = client.get("/prompts/de/greeting?lang=de").get_data(as_text=True)
    assert "<Weiß>" in words(page, "text"), "to be edited again"
    longer = post(client, "/prompts/de/greeting/speak", text=f"{text} Bitte warten Sie einen Augenblick.")
    assert longer.status_code == 303
    bring_into_force(db, settings)
    assert len(heard(settings)) > 2 * len(spoken) + 16_000
    seen = own_prompts.newest(db)["greeting", "de"].id
    post(client, "/prompts/de/greeting/undo", seen=str(seen))
    assert own_prompts.newest(db)["greeting", "de"].text == text
    bring_into_force(db, settings)
    assert heard(settings) == spoken.tobytes()


@pytest.mark.parametrize("text", ["", " \n ", "x" * (LONGEST_TEXT + 1)])
def test_a_text_nobody_can_read_is_refused(office: Small, text: str) -> None:
    client, db, _ = office
    sentence = "speaking.long" if text.strip() else "speaking.empty"
    assert refused(client, "/prompts/de/greeting/speak", text=text) == TEXTS["de"](
        sentence, most=LONGEST_TEXT
    )
    assert own_prompts.newest(db) == {}


def test_a_box_without_a_voice_says_how_to_get_one(office: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    client, db, _ = office
    monkeypatch.setattr(office_page.voice, "find_voice", lambda: None)
    page = client.get("/prompts/de/greeting?lang=de").get_data(as_text=True)
    sentence = TEXTS["de"]("speaking.no_voice", package="espeak-ng")
    assert words(page, "no-voice") == sentence
    assert refused(client, "/prompts/de/greeting/speak", text="Guten Tag") == sentence
    assert own_prompts.newest(db) == {}


@pytest.mark.parametrize(
    "program",
    [
        ("false",),
        ("true",),  # makes no file
        ("/nothing/there",),
        ("sh", "-c", "while :; do :; done"),  # ended by its time on the processor
        ("sh", "-c", "head -c 20000000 /dev/zero > spoken.wav"),  # ended by its size
        ("sh", "-c", "echo no sound > spoken.wav"),
    ],
)
def test_a_voice_that_goes_wrong_changes_nothing(
    office: Small, monkeypatch: pytest.MonkeyPatch, program: tuple[str, ...]
) -> None:
    client, db, _ = office
    broken = Voice("broken", lambda _text, _language, _into: program)
    monkeypatch.setattr(office_page.voice, "find_voice", lambda: broken)
    monkeypatch.setattr(office_page.voice, "_LIMITS", ("prlimit", "--cpu=1", "--fsize=10000000"))
    assert refused(client, "/prompts/de/greeting/speak", text="Guten Tag") == TEXTS["de"]("speaking.failed")
    assert own_prompts.newest(db) == {}


@pytest.mark.timeout(TO_FETCH_SECONDS)
def test_a_text_is_never_taken_for_an_option_and_the_voice_knows_nothing_of_us(
    voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(speak(voice, "--help -w /tmp/x", "en")) > 20_000, "it is read aloud"
    monkeypatch.setenv("SECRET_OF_OURS", "1")
    shows = Voice("env", lambda _text, _language, into: ("sh", "-c", f"env > {into}"))
    assert b"SECRET_OF_OURS" not in speak(shows, "x", "de")
    assert find_voice() is not None
    with pytest.raises(CannotSpeak):
        speak(Voice("none", lambda *_: ("/nothing",)), "x", "de")


# --- recorded by phone (the call itself: tests/calls/test_recording_prompts.py)


def test_the_page_wishes_for_a_phone_to_ring_and_tells_how_that_ended(tmp_path: Path) -> None:
    made = set_up_office(tmp_path)
    client, db, where = made.browser, made.db, "/prompts/de/greeting"
    de = TEXTS["de"]
    assert refused(client, f"{where}/record", phone="nobody") == de("recording.no_phone")
    assert refused(client, f"{where}/record", phone="desk_1") == de("recording.nobody_rings")
    assert wishes.newest(db, "record prompt") is None
    with Alive(tmp_path):
        for _ in range(2):  # pressed twice it rings once
            assert post(client, f"{where}/record", phone="desk_1").status_code == 303
    (wish,) = wishes.unanswered(db, "record prompt")
    assert wish.values == {"prompt": "greeting", "language": "de", "phone": "desk_1"}
    waiting = client.get(f"{where}?lang=de")
    assert waiting.headers["Refresh"] == "2"
    assert words(waiting.get_data(as_text=True), "recording") == de("recording.rings")
    assert 'id="recording"' not in made.get("/prompts/en/greeting"), "another prompt"
    told = {"done": "recording.done", "no answer": "recording.no answer", "short": "upload.short"}
    for word, sentence in told.items():
        wishes.answer(db, wish.id, word)
        page = client.get(f"{where}?lang=de")
        assert words(page.get_data(as_text=True), "recording") == de(sentence)
        assert "Refresh" not in page.headers
    db.execute("UPDATE wishes SET asked_at = '2020-01-01T00:00:00.000Z'")
    assert 'id="recording"' not in made.get(where), "that was long ago"
    db.close()


# --- one more greeting or sentence


def test_a_greeting_of_its_own_is_made_heard_and_chosen(office: Small) -> None:
    client, db, settings = office
    where = post(client, "/prompts/new", kind="greeting", name="Größe & Messe", of="de").headers["Location"]
    assert where == "/prompts/de/greeting-groesse-messe"
    assert client.get(where).status_code == 200
    assert upload(client, tone(0.5, 8000), where.removeprefix("/prompts/")) == ""
    bring_into_force(db, settings)
    assert "eigene Aufnahme" in line(client, "greeting-groesse-messe")
    assert len(heard(settings, "greeting-groesse-messe")) == 8000
    seen = str(own_prompts.newest(db)["greeting-groesse-messe", "de"].id)
    post(client, f"{where}/undo", seen=seen)
    bring_into_force(db, settings)
    assert 'id="greeting-groesse-messe"' not in client.get("/prompts?of=de").get_data(as_text=True)


@pytest.mark.parametrize(("kind", "name"), [("greeting", ""), ("closed", "x"), ("", "x"), ("../x", "x")])
def test_what_cannot_be_one_more_prompt_is_refused(office: Small, kind: str, name: str) -> None:
    client, _, _ = office
    assert refused(client, "/prompts/new", kind=kind, name=name) == TEXTS["de"]("prompts.no_name")


@pytest.mark.parametrize(
    "where",
    ["music/greeting", "de/music-on-hold", "de/greeting-", "de/greeting-UP", "en/extra-a--b", "de/other-x"],
)
def test_no_other_names_are_prompts(office: Small, where: str) -> None:
    client, db, _ = office
    assert client.get(f"/prompts/{where}").status_code == 404
    assert upload(client, tone(0.5, 8000), where) == TEXTS["de"]("error.404")
    assert own_prompts.newest(db) == {}


# --- music on hold


@pytest.fixture
def music(office: Small) -> Small:
    """Two pieces have come with the box."""
    _, _, settings = office
    pieces = [speech_file(key, "en") for key in ("closed", "goodbye")]
    install_prompts(
        settings.prompts,
        debian_sounds=settings.state / "none",
        recordings=settings.own_recordings,
        pieces=pieces,
    )
    return office


def pieces(office: Small) -> list[Path]:
    """What Asterisk plays one after the other."""
    _, _, settings = office
    found = []
    for entry in music_entries(settings.prompts, 2):
        folder = Path(entry).parent
        found += [file.resolve() for file in folder.iterdir() if file.stem == Path(entry).name]
    return found


def test_own_music_replaces_every_piece_and_undo_brings_them_back(music: Small) -> None:
    client, db, settings = music
    where = f"{MUSIC}/{MUSIC_ON_HOLD}"
    before = pieces(music)
    assert [piece.stem for piece in before] == ["closed", "goodbye"]
    assert "mitgelieferte Musik" in words(client.get("/prompts?lang=de").get_data(as_text=True), "music")
    assert client.get(f"/prompts/{where}.wav").status_code == 200
    assert upload(client, tone(130, 8000, width=1), where) == "", "longer than a prompt may be"
    bring_into_force(db, settings)
    own = settings.own_recordings / MUSIC / f"{MUSIC_ON_HOLD}.wav"
    assert pieces(music) == [own.resolve()] * 2
    assert sound_file(settings.prompts, MUSIC_ON_HOLD, MUSIC) == own.resolve()
    assert "eigene Aufnahme" in words(client.get("/prompts?lang=de").get_data(as_text=True), "music")
    page = client.get("/system/changes?lang=de").get_data(as_text=True)
    assert "Wartemusik" in page
    post(client, f"/prompts/{where}/undo", seen=str(own_prompts.newest(db)[MUSIC_ON_HOLD, MUSIC].id))
    bring_into_force(db, settings)
    assert pieces(music) == before
    assert not own.exists()


def test_music_is_no_speech_and_has_its_own_limit(music: Small) -> None:
    client, db, _ = music
    where = f"/prompts/{MUSIC}/{MUSIC_ON_HOLD}"
    page = client.get(f"{where}?lang=de").get_data(as_text=True)
    assert 'name="text"' not in page
    assert 'name="phone"' not in page
    assert post(client, f"{where}/speak", text="Guten Tag").status_code == 404
    assert upload(client, tone(301, 8000, width=1), where[9:]) == TEXTS["de"]("upload.long_music")
    assert own_prompts.newest(db) == {}


# --- decoded in the browser


def test_the_browser_decodes_what_the_box_would_not_read(
    browser: Browser, busy_office: Office, tmp_path: Path
) -> None:
    mp3 = tmp_path / "ansage.mp3"
    mp3.write_bytes(write_mp3(samples(VOICE)))
    window = context(browser)
    page = signed_in(busy_office, window)
    page.goto(busy_office.address("/prompts/de/closed?lang=de"))
    page.get_by_label("Tondatei").set_input_files(mp3)
    page.get_by_role("button", name="Aufnahme verwenden").click()
    expect(page.locator(".notice.done")).to_contain_text("gespeichert")
    kept = own_prompts.sound(busy_office.db, "closed", "de")
    assert kept
    stored, spoken = hearing.sound(array("h", kept)), hearing.sound(samples(VOICE))
    assert hearing.find(spoken[4000:-4000], stored)
    assert abs(len(stored) - len(spoken)) < 0.3 * hearing.RATE, "no faster, no slower, no silence"
    window.close()


def test_what_the_browser_cannot_play_is_not_sent(
    browser: Browser, busy_office: Office, tmp_path: Path
) -> None:
    letter = tmp_path / "brief.mp3"
    letter.write_text("Das ist ein Brief und keine Aufnahme." * 50)
    before = own_prompts.newest(busy_office.db)
    window = context(browser)
    page = signed_in(busy_office, window)
    page.goto(busy_office.address("/prompts/en/closed?lang=en"))
    page.get_by_label("Sound file").set_input_files(letter)
    page.get_by_role("button", name="Use this recording").click()
    expect(page.locator("#undecoded")).to_have_text(TEXTS["en"]("upload.undecoded"))
    assert own_prompts.newest(busy_office.db) == before
    again = tmp_path / "wieder.wav"
    again.write_bytes(tone(0.5, 48000, 2))
    page.get_by_label("Sound file").set_input_files(again)
    expect(page.locator("#undecoded")).to_be_hidden()
    page.get_by_role("button", name="Use this recording").click()
    expect(page.locator(".notice.done")).to_contain_text("saved")
    window.close()


def test_without_a_script_a_wav_file_is_sent_as_it_is(
    browser: Browser, busy_office: Office, tmp_path: Path
) -> None:
    wav = tmp_path / "ton.wav"
    wav.write_bytes(tone(0.5, 44100))
    window = context(browser, java_script_enabled=False)
    page = window.new_page()
    page.goto(busy_office.address(f"/sign-in/{busy_office.key}"))
    page.get_by_role("button", name="Als ada anmelden").click()
    page.goto(busy_office.address("/prompts/de/closed?lang=de"))
    page.get_by_label("WAV-Datei").set_input_files(wav)
    page.get_by_role("button", name="Aufnahme verwenden").click()
    expect(page.locator(".notice.done")).to_contain_text("gespeichert")
    window.close()


# --- rights


def test_an_agent_records_and_reads_nothing(office: Small) -> None:
    client, db, _ = office
    bert = visitor(client.application)
    bert.sign_in(db, "bert", "agent")
    users.set_user(db, "bert", "agent")
    for act in ("speak", "record"):
        answer = bert.post(f"/prompts/de/greeting/{act}", data={"text": "x", "phone": "x"}, headers=HERE)
        assert answer.status_code == 403
    assert bert.post("/prompts/new", data={"kind": "greeting", "name": "x"}, headers=HERE).status_code == 403
    assert io.BytesIO(client.get("/prompts/de/greeting.wav").data).read(4) == b"RIFF"
