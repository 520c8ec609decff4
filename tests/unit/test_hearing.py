"""Listening: the right prompt is recognised, another is not, and lost packets do not matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.simulator import hearing
from appliance.telephony.prompts.catalogue import load_catalogue
from appliance.telephony.prompts.sounds import samples
from appliance.telephony.prompts.speech import speech_file


def prompt(key: str, language: str = "de") -> hearing.Sound:
    return hearing.sound(samples(speech_file(key, language)))


def silence(seconds: float) -> hearing.Sound:
    return np.full(int(seconds * hearing.RATE), 8.0)


def test_a_prompt_is_found_where_it_is() -> None:
    heard = np.concatenate([silence(1.25), prompt("closed"), silence(1), prompt("goodbye")])
    found = hearing.find(prompt("closed"), heard)
    assert found is not None
    assert found.start_seconds == pytest.approx(1.25, abs=0.07)
    assert found.likeness > 0.95
    after = hearing.find(prompt("goodbye"), heard, after_seconds=found.end_seconds)
    assert after is not None
    assert hearing.find(prompt("closed"), heard, after_seconds=found.end_seconds) is None


@pytest.mark.parametrize("language", ["de", "en"])
def test_no_prompt_is_taken_for_another(language: str) -> None:
    for wanted in load_catalogue():
        others = [prompt(key, language) for key in load_catalogue() if key != wanted]
        heard = np.concatenate([part for other in others for part in (other, silence(1))])
        assert hearing.find(prompt(wanted, language), heard) is None, wanted


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
