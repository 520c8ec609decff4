"""What Asterisk recorded is read, trimmed and written so that nobody's words are lost."""

from __future__ import annotations

import contextlib
import functools
import io
import math
import random
import wave
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail import sound

RATE = sound.RATE
HEADER = 44

amounts = st.lists(st.integers(-32768, 32767), min_size=1, max_size=400)


def noise(seconds: float, level: float, seed: int = 1) -> array[int]:
    chance = random.Random(seed)
    return array("h", [round(chance.gauss(0, level)) for _ in range(round(seconds * RATE))])


def tone(seconds: float, level: float, hertz: float) -> array[int]:
    return array(
        "h",
        [round(level * math.sin(2 * math.pi * hertz * i / RATE)) for i in range(round(seconds * RATE))],
    )


@functools.cache  # slow to make; nobody changes it
def speech(seconds: float, level: float, seed: int = 1) -> array[int]:
    """Something like speech: syllables of a buzzing voice, with short pauses."""
    chance = random.Random(seed)
    samples: list[int] = []
    while len(samples) < seconds * RATE:
        pitch, loud = chance.uniform(90, 220), level * chance.uniform(0.6, 1.2)
        length = round(chance.uniform(0.12, 0.25) * RATE)
        for i in range(length):
            envelope = math.sin(math.pi * (i + 1) / (length + 1)) ** 0.5
            buzz = sum(math.sin(2 * math.pi * pitch * k * i / RATE) / k for k in (1, 2, 3, 5, 8))
            samples.append(round(loud * envelope * buzz))
        samples += [round(chance.gauss(0, 3)) for _ in range(round(chance.uniform(0.02, 0.1) * RATE))]
    return array("h", samples[: round(seconds * RATE)])


def busy(bursts: int, level: float) -> array[int]:
    return (tone(0.48, level, 425) + noise(0.48, 4)) * bursts


class TestReading:
    @given(amounts)
    def test_what_is_written_is_read(self, values: list[int]) -> None:
        samples = array("h", values)
        assert sound.read_wav(sound.write_wav(samples)) == samples

    @given(amounts, st.data())
    def test_a_crash_at_any_byte_leaves_the_sound_that_is_there(
        self, values: list[int], data: st.DataObject
    ) -> None:
        """Asterisk fills in the lengths when it closes the file; until then they are zero."""
        content = bytearray(sound.write_wav(array("h", values)))
        if data.draw(st.booleans(), label="lengths still zero"):
            content[4:8] = content[40:44] = bytes(4)
        end = data.draw(st.integers(HEADER + 2, len(content)))
        assert sound.read_wav(bytes(content[:end])) == array("h", values[: (end - HEADER) // 2])

    def test_what_follows_the_sound_is_not_sound(self) -> None:
        content = sound.write_wav(array("h", [1, 2, 3])) + b"LIST\x04\0\0\0abcd"
        assert sound.read_wav(content) == array("h", [1, 2, 3])

    def test_what_precedes_the_sound_is_passed_over(self) -> None:
        content = sound.write_wav(array("h", [1, 2, 3]))
        assert sound.read_wav(content[:36] + b"LIST\x03\0\0\0abc\0" + content[36:]) == array("h", [1, 2, 3])

    @pytest.mark.parametrize("length", [0, 3, 12, 43, 44, 45])
    def test_no_sample_is_an_empty_recording(self, length: int) -> None:
        with pytest.raises(sound.EmptySoundError):
            sound.read_wav(sound.write_wav(array("h", [7] * 99))[:length])

    @given(st.binary(max_size=300))
    def test_garbage_is_refused(self, content: bytes) -> None:
        with pytest.raises(sound.SoundError):
            sound.read_wav(content)

    @given(st.binary(max_size=300))
    def test_garbage_behind_a_good_beginning_is_refused_or_read(self, content: bytes) -> None:
        with contextlib.suppress(sound.SoundError):
            sound.read_wav(b"RIFF\0\0\0\0WAVE" + content)

    @pytest.mark.parametrize(("channels", "width", "rate"), [(2, 2, 8000), (1, 1, 8000), (1, 2, 16000)])
    def test_another_form_is_named(self, channels: int, width: int, rate: int) -> None:
        file = io.BytesIO()
        with wave.open(file, "wb") as wav:
            wav.setnchannels(channels)
            wav.setsampwidth(width)
            wav.setframerate(rate)
            wav.writeframes(bytes(400))
        with pytest.raises(sound.SoundError, match=f"{channels} channels, {rate} Hz, {8 * width} bit"):
            sound.read_wav(file.getvalue())

    def test_the_written_file_is_read_by_others(self) -> None:
        with wave.open(io.BytesIO(sound.write_wav(tone(1, 5000, 440)))) as wav:
            assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, 8000)
            assert wav.getnframes() == 8000


class TestTrimming:
    def test_silence_at_both_ends_goes_but_for_the_margins(self) -> None:
        words = speech(3, 4000)
        trimmed = sound.trim(noise(2, 8) + words + noise(4, 8, seed=2))
        assert 3.3 <= sound.seconds(trimmed) <= 3.45
        assert words.tobytes()[2000:-2000] in trimmed.tobytes()

    def test_a_pause_in_the_middle_stays(self) -> None:
        trimmed = sound.trim(speech(1, 4000) + noise(3, 8) + speech(1, 4000))
        assert sound.seconds(trimmed) > 4.9

    @pytest.mark.parametrize("level", [150, 300, 1000, 12000])
    @pytest.mark.parametrize("hiss", [0, 8, 25])
    def test_soft_speech_survives(self, level: int, hiss: int) -> None:
        words = speech(3, level)
        padded = noise(1, hiss) + words + noise(1, hiss, seed=2)
        trimmed = sound.trim(padded)
        assert words.tobytes()[1600:-1600] in trimmed.tobytes()
        assert sound.seconds(trimmed) < 3.6

    @pytest.mark.parametrize("level", [120, 400, 4000])
    def test_speech_without_a_pause_is_not_taken_for_noise(self, level: int) -> None:
        words = speech(2, level)
        assert sound.seconds(sound.trim(words)) > 1.8

    def test_a_noisy_line_is_left_alone(self) -> None:
        samples = noise(3, 400)
        assert sound.trim(samples) == samples

    @pytest.mark.parametrize("level", [0, 8, 25])
    def test_silence_is_nothing(self, level: int) -> None:
        assert not sound.trim(noise(5, level))

    def test_a_click_is_nothing(self) -> None:
        assert not sound.trim(noise(2, 8) + tone(0.03, 9000, 900) + noise(2, 8))

    def test_direct_current_is_not_sound(self) -> None:
        assert not sound.trim(array("h", [value + 900 for value in noise(3, 8)]))

    @pytest.mark.parametrize("bursts", [2, 5])
    @pytest.mark.parametrize("shift", [0, 111])
    @pytest.mark.parametrize("cut", [0.0, 0.3, 0.7])
    def test_the_busy_tone_at_the_end_goes(self, bursts: int, shift: int, cut: float) -> None:
        words = speech(3, 3000) + noise(0.5, 4)[: -shift or None]
        tail = busy(bursts + 1, 2500)
        samples = words + tail[: len(tail) - round(cut * RATE)]
        assert sound.seconds(sound.trim(samples)) < 3.3

    def test_the_busy_tone_alone_is_nothing(self) -> None:
        assert sound.seconds(sound.trim(noise(1, 4) + busy(5, 2500))) == 0

    def test_a_busy_tone_somebody_speaks_after_stays(self) -> None:
        samples = busy(3, 2500) + speech(2, 3000)
        assert sound.seconds(sound.trim(samples)) > 4.8

    @settings(max_examples=30)
    @given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 8000)), max_size=12), st.integers(0, 159))
    def test_it_only_takes_away_from_the_ends(self, parts: list[tuple[int, int]], more: int) -> None:
        samples = array("h", [1] * more)
        for number, (frames, level) in enumerate(parts):
            samples += noise(frames / 50, level, seed=number)
        assert sound.trim(samples).tobytes() in samples.tobytes()


class TestMp3:
    def test_every_frame_is_there_and_of_the_right_kind(self) -> None:
        samples = speech(5, 4000)
        mp3 = sound.write_mp3(samples)
        frames = mp3_frames(mp3)
        assert abs(frames * 576 / RATE - 5) < 0.3
        assert len(mp3) * 5 < len(samples) * 2


def mp3_frames(mp3: bytes) -> int:
    """The number of frames; each must be MPEG 2.5 layer III, 8 kHz, 24 kbit/s, mono, end to end."""
    at = frames = 0
    while at < len(mp3):
        head = int.from_bytes(mp3[at : at + 4], "big")
        assert head >> 21 == 0x7FF, f"no frame at {at}"
        assert (head >> 19 & 3, head >> 17 & 3) == (0, 1)  # MPEG 2.5, layer III
        assert (head >> 12 & 15, head >> 10 & 3) == (3, 2)  # 24 kbit/s, 8 kHz
        assert head >> 6 & 3 == 3  # mono
        at += 72 * 24000 // 8000 + (head >> 9 & 1)
        frames += 1
    assert at == len(mp3)
    return frames
