"""Listening: the right prompt is recognised, another is not, and lost packets do not matter."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from appliance.simulator import hearing
from appliance.telephony.prompts.catalogue import LANGUAGES, load_catalogue
from appliance.telephony.prompts.sounds import samples
from appliance.telephony.prompts.speech import speech_file

PROMPTS = load_catalogue()


def prompt(key: str, language: str = "de") -> hearing.Sound:
    return hearing.sound(samples(speech_file(key, language)))


def digit_voices(language: str) -> dict[str, hearing.Sound]:
    return {digit: prompt(f"digit-{digit}", language) for digit in "0123456789"}


def texts(language: str) -> dict[str, str]:
    """What every prompt says, but for the single digits, which are words of other prompts too."""
    return {key: each.texts[language] for key, each in PROMPTS.items() if first_word(key) != "digit"}


def first_word(key: str) -> str:
    return key.partition("-")[0]


def shared_words(text: str, other: str) -> float:
    ours, theirs = (set(re.findall(r"\w+", each.lower())) for each in (text, other))
    return len(ours & theirs) / len(ours)


def starved(sound: hearing.Sound, chance: np.random.Generator) -> hearing.Sound:
    """As a busy machine plays it: a gap of 20 to 80 ms after every half second or so, and some noise."""
    played, place = [], 0
    while place < len(sound):
        part = int(chance.uniform(0.4, 0.8) * hearing.RATE)
        played += [sound[place : place + part], silence(chance.uniform(0.02, 0.08))]
        place += part
    return np.concatenate(played) + chance.normal(0, 200, sum(map(len, played)))


def silence(seconds: float) -> hearing.Sound:
    return np.full(int(seconds * hearing.RATE), 8.0)


def gaps(sound: hearing.Sound, seconds: float) -> hearing.Sound:
    """As it is recorded when packets come late: nothing at all for a while, four times a second."""
    pieces = np.split(sound, range(hearing.RATE // 4, len(sound), hearing.RATE // 4))
    gap = np.zeros(int(seconds * hearing.RATE))
    return np.concatenate([part for piece in pieces for part in (piece, gap)])


def test_gaps_of_a_recording_do_not_matter() -> None:
    sound, before = prompt("position-1"), np.concatenate([silence(0.5), prompt("all-busy")])
    heard = gaps(np.concatenate([before, sound, silence(0.5)]), 0.3)
    voices = {key: prompt(key) for key in PROMPTS if first_word(key) == "position"}
    found = hearing.find_among("position-1", voices, heard, after_seconds=1.0)
    assert found is not None
    assert found.likeness > 0.95
    begin, end = (1.0 + 0.3 / 0.25) * (len(before) / hearing.RATE), len(heard) / hearing.RATE
    assert found.start_seconds == pytest.approx(begin, abs=0.35)
    assert found.start_seconds + len(sound) / hearing.RATE * 1.8 < found.end_seconds < end
    assert hearing.find_among("position-1", voices, heard, after_seconds=found.end_seconds - 0.1) is None


def test_a_prompt_whose_last_packet_was_short_is_found_while_nothing_follows() -> None:
    heard = np.concatenate([silence(0.5), prompt("position-1")[:-40], np.zeros(hearing.RATE)])
    voices = {"position-1": prompt("position-1")}
    assert hearing.find_among("position-1", voices, heard, after_seconds=0.5) is not None


def test_what_follows_at_once_is_found_though_packets_were_lost_before_it() -> None:
    menu, key = prompt("menu-accounting", "en"), prompt("press-2", "en")
    lost = slice(len(menu) // 2, len(menu) // 2 + hearing.RATE // 10)
    heard = np.concatenate([silence(0.5), np.delete(menu, lost), key, silence(1), key])
    seems_to_end = 0.5 + len(menu) / hearing.RATE
    voices = {each: prompt(each, "en") for each in PROMPTS if first_word(each) == "press"}
    found = hearing.find_among("press-2", voices, heard, after_seconds=hearing.may_begin(key, seems_to_end))
    assert found is not None
    assert found.start_seconds == pytest.approx(seems_to_end - 0.1, abs=0.03)
    again = hearing.find_among(
        "press-2", voices, heard, after_seconds=hearing.may_begin(key, found.end_seconds)
    )
    assert again is not None
    assert again.start_seconds == pytest.approx(found.end_seconds + 1, abs=0.03)


def test_a_prompt_is_found_where_it_is() -> None:
    heard = np.concatenate([silence(1.25), prompt("closed"), silence(1), prompt("goodbye")])
    found = hearing.find(prompt("closed"), heard)
    assert found is not None
    assert found.start_seconds == pytest.approx(1.25, abs=0.07)
    assert found.likeness > 0.95
    after = hearing.find(prompt("goodbye"), heard, after_seconds=found.end_seconds)
    assert after is not None
    assert hearing.find(prompt("closed"), heard, after_seconds=found.end_seconds) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_prompt_is_taken_for_those_that_say_nearly_the_same(language: str) -> None:
    """Beside the one of another family most like it, a prompt is heard in its own place only."""
    for key, text in texts(language).items():
        others = {
            other: words
            for other, words in texts(language).items()
            if first_word(other) != first_word(key) and text not in words
        }
        nearest = max(others, key=lambda other: shared_words(text, others[other]))
        own, before = prompt(key, language), prompt(nearest, language)
        heard = np.concatenate([before, silence(1), own, silence(0.5)])
        best, *elsewhere = hearing.places(own, heard, at_least=0.5)
        assert best.start_seconds == pytest.approx(len(before) / hearing.RATE + 1, abs=0.01), (key, nearest)
        assert all(place.likeness < 0.75 for place in elsewhere), (key, nearest)


@pytest.mark.parametrize("how", ["as played", "starved"])
@pytest.mark.parametrize("family", ["position", "wait", "waited", "offer", "callback", "agent"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_prompt_is_told_from_its_family(language: str, family: str, how: str) -> None:
    voices = {key: prompt(key, language) for key in texts(language) if first_word(key) == family}
    chance = np.random.default_rng(3)
    for key, voice in voices.items():
        spoken = starved(voice, chance) if how == "starved" else voice
        heard = np.concatenate([silence(0.5), spoken, silence(0.5)])
        assert hearing.which(voices, heard, at_seconds=0.5) == key


def test_one_of_a_family_is_found_past_another() -> None:
    voices = {key: prompt(key) for key in ("position-2", "position-3", "position-20")}
    heard = np.concatenate([silence(1), voices["position-2"], silence(1), voices["position-3"], silence(1)])
    found = hearing.find_among("position-3", voices, heard)
    assert found is not None
    assert found.start_seconds == pytest.approx(2 + len(voices["position-2"]) / hearing.RATE, abs=0.01)
    assert hearing.find_among("position-20", voices, heard) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_that_has_only_begun_is_not_taken_for_a_shorter_one(language: str) -> None:
    voices = {key: prompt(key, language) for key in texts(language) if first_word(key) == "position"}
    for key, voice in voices.items():
        for other, shorter in voices.items():
            if other != key and len(shorter) < len(voice):
                heard = np.concatenate([silence(0.5), voice[: len(shorter) + 80]])
                if hearing.find(shorter, heard) is not None:
                    assert hearing.which(voices, heard, at_seconds=0.5) != other
                    break


@pytest.mark.parametrize("how", ["as played", "with noise", "starved"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_digits_are_read_in_their_order(language: str, how: str) -> None:
    chance = np.random.default_rng(11)
    voices = digit_voices(language)
    for _ in range(6):
        said = "".join(chance.choice(list(voices), 12))
        parts = [part for digit in said for part in (voices[digit], silence(chance.uniform(0.02, 0.08)))]
        spoken = np.concatenate(parts)
        if how == "with noise":
            spoken = spoken + chance.normal(0, 300, len(spoken))
        elif how == "starved":
            spoken = starved(spoken, chance)
        before = prompt("callback-to", language)
        heard = np.concatenate([before, spoken, silence(0.2), prompt("callback-confirm", language)])
        read = hearing.digits(heard, voices, after_seconds=len(before) / hearing.RATE)
        assert read.digits == said
        assert read.start_seconds == pytest.approx(len(before) / hearing.RATE, abs=0.1)
        assert read.end_seconds == pytest.approx((len(before) + len(spoken)) / hearing.RATE, abs=0.35)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_prompt_after_the_digits_is_not_read_as_one(language: str) -> None:
    voices = digit_voices(language)
    # Digits themselves, and what is said between the digits of an address, which nobody reads as a number.
    numerals = ("hour-", "minute-", "month-", "press-", "web-address-dot")
    for key in (key for key in texts(language) if not key.startswith(numerals)):
        heard = np.concatenate([voices["0"], prompt(key, language)])
        assert hearing.digits(heard, voices).digits == "0", key


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_digits_nothing_is_read(language: str) -> None:
    voices = digit_voices(language)
    assert hearing.digits(silence(3), voices).digits == ""
    assert hearing.digits(np.zeros(0), voices) == hearing.HeardDigits("", 0.0, 0.0, 1.0)


def test_lost_and_late_packets_and_noise_do_not_matter() -> None:
    noise = np.random.default_rng(7)
    sound = prompt("greeting")
    packet = hearing.RATE // 50
    third = len(sound) // 3
    harmed = np.concatenate(
        [sound[:third], sound[third + packet : 2 * third], np.zeros(packet), sound[2 * third :]]
    )
    heard = np.concatenate([silence(1), harmed + noise.normal(0, 200, len(harmed)), silence(1)])
    found = hearing.find(sound, heard)
    assert found is not None
    assert found.likeness > 0.85


def test_a_starved_machine_that_plays_ever_later_does_not_matter() -> None:
    """Gaps of 20 to 80 ms, as a busy machine makes them, until the end lies 0.3 s off its place."""
    sound = prompt("leave-message")
    played = []
    for part, gap_ms in zip(np.array_split(sound, 8), (20, 40, 10, 60, 20, 20, 80, 50), strict=True):
        played += [part, silence(gap_ms / 1000)]
    found = hearing.find(sound, np.concatenate([silence(1), *played, silence(1)]))
    assert found is not None
    assert found.start_seconds == pytest.approx(1.0, abs=0.07)


def test_half_a_prompt_is_not_the_prompt() -> None:
    sound = prompt("leave-message")
    heard = np.concatenate([silence(1), sound[: len(sound) // 2], silence(5)])
    assert hearing.find(sound, heard) is None


def test_silence_is_nothing() -> None:
    assert hearing.find(prompt("goodbye"), silence(5)) is None
    assert hearing.find(prompt("goodbye"), np.zeros(0)) is None
    assert hearing.loudness(np.zeros(0)) == 0


def test_a_tone_is_measured() -> None:
    time = np.arange(hearing.RATE) / hearing.RATE
    tone = 1000 * np.sin(2 * np.pi * 425 * time)
    assert hearing.tone_share(tone, 425) == pytest.approx(1.0, abs=0.01)
    assert hearing.tone_share(tone, 440) < 0.05
    assert hearing.tone_share(np.zeros(100), 425) == 0


def test_a_recording_that_is_being_written_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    file = tmp_path / "x.sln48"
    assert len(hearing.recording(file)) == 0
    file.write_bytes(np.full(601, 100, "<i2").tobytes() + b"\x01")
    assert hearing.recording(file).tolist() == [100.0] * 100
