"""Where a box keeps its things: what is written is read back, what cannot be is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.settings import Settings, SipLine, read_settings

LINE = '[[line]]\nname = "line"\nhost = "127.0.0.2"\nport = 5070\n'


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == Settings(tmp_path)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    settings = Settings(
        tmp_path,
        manager_port=1,
        fastagi_port=2,
        sip_address="127.0.0.3",
        sip_port=3,
        rtp_ports=range(4, 5),
        lines=(
            SipLine("isdn", "127.0.0.2", 5070, channels=2),
            SipLine("old", "127.0.0.2", 5071, channels=1, analogue=True),
            SipLine("net", "127.0.0.2", 5072),
        ),
    )
    settings.write()
    assert read_settings(tmp_path) == settings


def test_a_line_is_digital_and_without_limit_unless_said(tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_text(LINE)
    assert read_settings(tmp_path).lines == (SipLine("line", "127.0.0.2", 5070, 0, False),)


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("channels = -1", "line line: channels must be a whole number"),
        ('channels = "2"', "line line: channels must be a whole number"),
        ("channels = true", "line line: channels must be a whole number"),
        ("channels = 2.0", "line line: channels must be a whole number"),
        ("analogue = 1", "line line: analogue must be true or false"),
        ('analogue = "no"', "line line: analogue must be true or false"),
        ("chanels = 2", "chanels"),
        ("channels =", "Invalid value"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(tmp_path: Path, setting: str, complaint: str) -> None:
    (tmp_path / "box.toml").write_text(f"{LINE}{setting}\n")
    with pytest.raises(ValueError, match=rf"box\.toml: .*{complaint}"):
        read_settings(tmp_path)
