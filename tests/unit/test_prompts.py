"""The prompts: a sound for every sentence, made from the catalogue's text, and always the best one."""

from __future__ import annotations

import hashlib
import math
import os
import random
import re
import wave
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.telephony.prompts import g711, gsm, install
from appliance.telephony.prompts.catalogue import LANGUAGES, CatalogueError, load_catalogue
from appliance.telephony.prompts.install import (
    MissingPrompts,
    PassedOver,
    check_prompts,
    install_prompts,
    sound_file,
)
from appliance.telephony.prompts.sounds import SoundError, samples
from appliance.telephony.prompts.speak import finish, resample
from appliance.telephony.prompts.speech import (
    SPEECH,
    Spoken,
    digest,
    load_digests,
    speech_file,
    write_digests,
)

PROMPTS = load_catalogue()
MADE = load_digests()
EVERY_SOUND = [(key, language) for key in PROMPTS for language in LANGUAGES]


def dbfs(level: float) -> float:
    return 20 * math.log10(level / 32768)


def write_wav(path: Path, sound: array[int], rate_hz: int = 8000, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(np.array(sound, "<i2").tobytes())
    return path


def spoken_letters(text: str) -> int:
    """About how many letters are spoken; a figure is said as a word of some four letters."""
    return len(re.sub("[0-9]", "four", text))


def gsm_frames(count: int, seed: int = 610) -> bytes:
    bits = random.Random(seed)
    return b"".join(bytes([0xD0 | bits.getrandbits(4)]) + bits.randbytes(32) for _ in range(count))


def family(numbers: str, de: str = "Du bist {n}.", en: str = "You are {n}.") -> str:
    return f'[place]\nnumbers = {numbers}\nde = "{de}"\nen = "{en}"\n'


TONE = array("h", (int(8000 * math.sin(i / 3)) for i in range(800)))


class TestBuiltInSpeech:
    @pytest.mark.parametrize(("key", "language"), EVERY_SOUND)
    def test_says_the_text_of_the_catalogue(self, key: str, language: str) -> None:
        made = MADE.get((key, language))
        assert made is not None, "no sound was made of this prompt: run speak.py"
        text = PROMPTS[key].texts[language]
        assert made.digest == digest(text, made.voice), "the text has changed since: run speak.py"

    @pytest.mark.parametrize(("key", "language"), EVERY_SOUND)
    def test_is_loud_enough_not_clipped_and_as_long_as_its_text(self, key: str, language: str) -> None:
        sound = np.array(samples(speech_file(key, language)), float)
        speech = sound[760:-760]
        assert -23 < dbfs(float(np.sqrt(np.mean(speech**2)))) < -17
        assert dbfs(float(np.abs(sound).max())) < -2.5
        letters = spoken_letters(PROMPTS[key].texts[language])
        assert 0.03 < len(speech) / 8000 / letters < 0.15
        for silence in (sound[:760], sound[-760:]):
            assert np.abs(silence).max() < 300

    def test_there_are_no_files_that_nobody_needs(self) -> None:
        files = {(file.stem, file.parent.name) for file in SPEECH.glob("*/*")}
        assert files == set(EVERY_SOUND) == set(MADE)

    def test_digests_are_read_as_they_were_written(self, tmp_path: Path) -> None:
        spoken = {("greeting", "de"): Spoken("voice de", "12"), ("closed", "en"): Spoken("voice en", "34")}
        write_digests(spoken, tmp_path / "digests.toml")
        assert load_digests(tmp_path / "digests.toml") == spoken

    @pytest.mark.parametrize(
        "changed", [("Guten Abend.", "v", 1), ("Guten Tag.", "w", 1), ("Guten Tag.", "v", 2)]
    )
    def test_the_digest_depends_on_text_voice_and_version(self, changed: tuple[str, str, int]) -> None:
        assert digest(*changed) != digest("Guten Tag.", "v", 1)


class TestCatalogue:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ('[closed]\nde = "Zu."', "[closed]: en needs a text"),
            ('[closed]\nde = " "\nen = "Closed."', "[closed]: de needs a text"),
            ('[closed]\nde = "Zu."\nen = "Closed."\nfr = "Fermé."', "[closed]: unknown field 'fr'"),
            ('[closed]\nde = "Zu."\nen = "Closed."\nhuman = "vm"', "[closed]: human must name"),
            ('[closed]\nde = "Zu."\nen = "Closed."\nhuman.fr = "vm"', "[closed]: unknown language 'fr'"),
            ('[closed]\nde = "Zu."\nen = "Closed."\nhuman.en = "../vm"', "[closed]: human.en is not"),
            ('[Closed_now]\nde = "Zu."\nen = "Closed."', "[Closed_now]: a key is small letters"),
            ('closed = "Zu."', "[closed]: must be a table"),
            ('[closed]\nde = "Zu."\nen = "Closed."\n[closed]\nde = "Zu."', "closed"),
            (family('"2-4"', de="Du bist dran."), "[place]: de has {n} once"),
            (family('"2-4"', de="{n} von {n}."), "[place]: de has {n} once"),
            (family('"2-4"', de="Du bist {n}{m}."), "[place]: de has {n} once"),
            (family('"2-4"', en=" {n}"), "[place]: en needs a text"),
            ('[place]\nde = "Du bist {n}."\nen = "You."', "[place]: de has {n} once in a family, else no"),
            (family("[2, 4]"), "[place]: numbers must be like"),
            (family('"2-"'), "[place]: numbers must be like"),
            (family('"2-1000"'), "[place]: numbers must be like"),
            (family('"two"'), "[place]: numbers must be like"),
            (family('""'), "[place]: numbers must be like"),
            (family('"4-2"'), "[place]: numbers must rise"),
            (family('"2-5, 4-6"'), "[place]: numbers must rise"),
            (family('"2-4"') + "human.en = 'vm'", "[place]: a family has no human voice"),
            (family('"2-4"') + '[place-3]\nde = "Drei."\nen = "Three."', "[place-3]: stands there 2 times"),
        ],
    )
    def test_a_fault_is_told_with_its_key(self, tmp_path: Path, text: str, told: str) -> None:
        catalogue = tmp_path / "catalogue.toml"
        catalogue.write_text(text, "utf-8")
        with pytest.raises(CatalogueError) as error:
            load_catalogue(catalogue)
        assert told in str(error.value)

    def test_a_family_is_a_prompt_for_every_number(self, tmp_path: Path) -> None:
        catalogue = tmp_path / "catalogue.toml"
        catalogue.write_text(family('"0, 2-4, 10"') + '[place-1]\nde = "Bald."\nen = "Soon."', "utf-8")
        prompts = load_catalogue(catalogue)
        assert list(prompts) == [f"place-{n}" for n in (0, 2, 3, 4, 10, 1)]
        assert prompts["place-10"].texts == {"de": "Du bist 10.", "en": "You are 10."}
        assert all(prompt.key == key for key, prompt in prompts.items())

    def test_every_fault_is_told_at_once(self, tmp_path: Path) -> None:
        catalogue = tmp_path / "catalogue.toml"
        catalogue.write_text('[a]\nde = "A."\n[b]\nen = "B."', "utf-8")
        with pytest.raises(CatalogueError, match=r"\[a\]: en(.|\n)*\[b\]: de"):
            load_catalogue(catalogue)


class TestInstalling:
    @pytest.fixture
    def target(self, tmp_path: Path) -> Path:
        return tmp_path / "state" / "prompts"

    @pytest.fixture
    def recordings(self, tmp_path: Path) -> Path:
        return tmp_path / "own"

    @pytest.fixture
    def debian_sounds(self, tmp_path: Path) -> Path:
        """Sound packages with every recording the catalogue names."""
        for prompt in PROMPTS.values():
            for language, folder in (("de", "de"), ("en", "en_US_f_Allison")):
                if name := prompt.human[language]:
                    file = tmp_path / "debian" / folder / f"{name}.gsm"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(gsm_frames(10))
        return tmp_path / "debian"

    def test_every_prompt_gets_exactly_one_sound(
        self, target: Path, debian_sounds: Path, recordings: Path
    ) -> None:
        assert install_prompts(target, debian_sounds=debian_sounds, recordings=recordings) == []
        installed = sorted((file.stem, file.parent.name) for file in target.glob("*/*"))
        assert installed == sorted(EVERY_SOUND)
        assert all(samples(sound_file(target, key, language)) for key, language in EVERY_SOUND)

    def test_human_voice_goes_before_speech_and_own_recording_before_both(
        self, target: Path, debian_sounds: Path, recordings: Path
    ) -> None:
        own = write_wav(recordings / "en" / "connecting.wav", TONE)
        install_prompts(target, debian_sounds=debian_sounds, recordings=recordings)
        assert sound_file(target, "connecting", "en") == own
        assert sound_file(target, "goodbye", "en").name == "vm-goodbye.gsm"
        assert sound_file(target, "goodbye", "de") == speech_file("goodbye", "de")
        assert sound_file(target, "greeting", "en") == speech_file("greeting", "en")
        assert [file.suffix for file in (target / "en").glob("connecting.*")] == [".wav"]

    def test_the_folder_may_be_read_by_asterisk(
        self, target: Path, debian_sounds: Path, recordings: Path
    ) -> None:
        before = os.umask(0o077)
        try:
            install_prompts(target, debian_sounds=debian_sounds, recordings=recordings)
        finally:
            os.umask(before)
        for folder in (target, target / "de", target / "en"):
            assert folder.resolve().stat().st_mode & 0o755 == 0o755

    def test_without_the_packages_speech_stands_in_and_is_reported(
        self, target: Path, tmp_path: Path, recordings: Path
    ) -> None:
        passed_over = install_prompts(target, debian_sounds=tmp_path / "none", recordings=recordings)
        assert sound_file(target, "goodbye", "en") == speech_file("goodbye", "en")
        named = {name for prompt in PROMPTS.values() for name in prompt.human.values() if name}
        assert {sound.path.stem for sound in passed_over} == named
        assert all((sound.german, sound.english) == ("ist nicht da", "is not there") for sound in passed_over)

    @pytest.mark.parametrize(
        ("rate_hz", "channels", "sound", "told"),
        [(44100, 1, TONE, "44100 Hz"), (8000, 2, TONE, "2 x 16 bit"), (8000, 1, array("h"), "empty")],
    )
    def test_a_recording_that_asterisk_cannot_play_is_reported_and_replaced(
        self,
        target: Path,
        debian_sounds: Path,
        recordings: Path,
        rate_hz: int,
        channels: int,
        sound: array[int],
        told: str,
    ) -> None:
        bad = write_wav(recordings / "de" / "closed.wav", sound, rate_hz, channels)
        [passed_over] = install_prompts(target, debian_sounds=debian_sounds, recordings=recordings)
        assert passed_over.path == bad
        assert told in passed_over.english
        assert sound_file(target, "closed", "de") == speech_file("closed", "de")

    def test_garbage_and_a_broken_link_are_reported(
        self, target: Path, debian_sounds: Path, recordings: Path
    ) -> None:
        (recordings / "de").mkdir(parents=True)
        (recordings / "de" / "closed.wav").write_bytes(b"RIFF????not sound")
        (recordings / "de" / "goodbye.wav").symlink_to(recordings / "gone.wav")
        passed_over = install_prompts(target, debian_sounds=debian_sounds, recordings=recordings)
        assert {sound.path.name for sound in passed_over} == {"closed.wav", "goodbye.wav"}
        check_prompts(target)

    def test_another_greeting_is_installed_and_a_misspelt_name_reported(
        self, target: Path, debian_sounds: Path, recordings: Path
    ) -> None:
        sales = write_wav(recordings / "de" / "greeting-sales.wav", TONE)
        strange = [
            recordings / "de" / "clossed.wav",
            recordings / "de" / "closed.mp3",
            recordings / "fr" / "closed.wav",
        ]
        for path in strange:
            write_wav(path, TONE)
        passed_over = install_prompts(target, debian_sounds=debian_sounds, recordings=recordings)
        assert sound_file(target, "greeting-sales", "de") == sales
        assert {sound.path for sound in passed_over} == set(strange)
        assert all(isinstance(sound, PassedOver) and sound.german and sound.english for sound in passed_over)

    def test_a_new_set_replaces_the_old_in_one_step(
        self, target: Path, debian_sounds: Path, recordings: Path
    ) -> None:
        install_prompts(target, debian_sounds=debian_sounds, recordings=recordings)
        playing = (target / "de" / "closed.alaw").resolve()
        first = target.resolve()
        write_wav(recordings / "de" / "closed.wav", TONE)
        install_prompts(target, debian_sounds=debian_sounds, recordings=recordings)
        assert sound_file(target, "closed", "de").suffix == ".wav"
        assert first.is_dir(), "a call may be about to open a file of the old set"
        assert playing.is_file()
        for _ in range(3):
            install_prompts(target, debian_sounds=debian_sounds, recordings=recordings)
        assert not first.exists()
        assert len(list(target.parent.iterdir())) == 3, "the link, its set, and the one before"

    def test_a_sentence_nothing_says_leaves_the_old_set_in_force(
        self,
        target: Path,
        debian_sounds: Path,
        recordings: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        install_prompts(target, debian_sounds=debian_sounds, recordings=recordings)
        before = target.resolve()
        speechless = {("closed", "de"), ("all-busy", "en")}
        monkeypatch.setattr(
            install,
            "speech_file",
            lambda key, language: (
                tmp_path / "none.alaw" if (key, language) in speechless else speech_file(key, language)
            ),
        )
        with pytest.raises(MissingPrompts) as error:
            install_prompts(target, debian_sounds=debian_sounds, recordings=recordings)
        assert set(error.value.missing) == speechless
        assert "closed (de)" in error.value.german
        assert "all-busy (en)" in error.value.english
        assert target.resolve() == before
        assert len(list(target.parent.iterdir())) == 2

    def test_a_recording_deleted_later_is_found_missing(
        self, target: Path, debian_sounds: Path, recordings: Path
    ) -> None:
        own = write_wav(recordings / "de" / "closed.wav", TONE)
        install_prompts(target, debian_sounds=debian_sounds, recordings=recordings)
        own.unlink()
        with pytest.raises(MissingPrompts) as error:
            check_prompts(target)
        assert error.value.missing == (("closed", "de"),)

    def test_a_folder_that_is_not_ours_is_left_alone(
        self, target: Path, debian_sounds: Path, recordings: Path
    ) -> None:
        (target / "de").mkdir(parents=True)
        with pytest.raises(FileExistsError):
            install_prompts(target, debian_sounds=debian_sounds, recordings=recordings)
        assert [path.name for path in target.parent.iterdir()] == ["prompts"]


class TestSounds:
    @pytest.mark.parametrize(
        ("sample", "code"),
        [
            (0, 0xD5),
            (-1, 0x55),
            (15, 0xD5),
            (16, 0xD4),
            (-17, 0x54),
            (1000, 0xFA),
            (32767, 0xAA),
            (-32768, 0x2A),
        ],
    )
    def test_a_law_has_the_values_of_the_standard(self, sample: int, code: int) -> None:
        assert g711.encode_sample(sample) == code

    def test_a_law_codes_are_kept(self) -> None:
        every_code = bytes(range(256))
        assert g711.encode(g711.decode(every_code)) == every_code
        assert g711.decode(b"\xd5\x55\xaa\x2a").tolist() == [8, -8, 32256, -32256]

    @given(st.integers(-32768, 32767))
    def test_a_law_is_off_by_less_than_a_thirtieth(self, sample: int) -> None:
        assert abs(g711.decode(g711.encode([sample]))[0] - sample) <= max(8, abs(sample) / 30)

    def test_gsm_is_decoded_as_the_reference_implementation_does(self) -> None:
        decoded = gsm.decode(gsm_frames(50))
        assert len(decoded) == 50 * 160
        # what libgsm 1.0 made of the same frames
        reference = "7e32076f719a1135c85a088ae63da816a17220c6b7324a5e981668d51d689673"
        assert hashlib.sha256(np.array(decoded, "<i2").tobytes()).hexdigest() == reference

    def test_what_is_not_gsm_is_refused(self, tmp_path: Path) -> None:
        for data in (gsm_frames(3)[:-1], b"\x00" * 66):
            file = tmp_path / "sound.gsm"
            file.write_bytes(data)
            with pytest.raises(SoundError, match="not a GSM recording"):
                samples(file)

    def test_wav_is_read_as_it_was_written(self, tmp_path: Path) -> None:
        assert samples(write_wav(tmp_path / "tone.wav", TONE)) == TONE

    def test_other_files_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SoundError, match="not a sound file"):
            samples(tmp_path / "tone.mp3")

    @pytest.mark.parametrize("rate_hz", [16000, 22050])
    @pytest.mark.parametrize(
        ("tone_hz", "kept"), [(300, True), (1000, True), (3300, True), (4400, False), (7000, False)]
    )
    def test_resampling_keeps_speech_and_folds_nothing_down(
        self, rate_hz: int, tone_hz: int, kept: bool
    ) -> None:
        tone = np.sin(2 * np.pi * tone_hz * np.arange(rate_hz) / rate_hz)
        sound = resample(tone, rate_hz)[400:-400]
        level_db = 20 * math.log10(math.sqrt(2 * float(np.mean(sound**2))) + 1e-9)
        assert (abs(level_db) < 0.3) if kept else (level_db < -45)

    def test_finishing_trims_and_levels(self) -> None:
        quiet_tone = 0.01 * np.sin(2 * np.pi * 400 * np.arange(16000) / 16000)
        sound = finish(np.concatenate([np.zeros(9000), quiet_tone, np.zeros(20000)]), 16000)
        assert len(sound) / 8000 == pytest.approx(1.2, abs=0.02)
        assert 20 * math.log10(float(np.sqrt(np.mean(sound[800:-800] ** 2)))) == pytest.approx(-18, abs=0.2)
