"""Where a box keeps its things: what is written is read back, what cannot be is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.settings import Settings, SettingsError, SipLine, read_settings

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
        front_panel=True,
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
        ("chanels = 2", "line line: there is no setting chanels"),
        ("channels =", "this is no TOML: Invalid value"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(tmp_path: Path, setting: str, complaint: str) -> None:
    (tmp_path / "box.toml").write_text(f"{LINE}{setting}\n")
    with pytest.raises(ValueError, match=rf"box\.toml: .*{complaint}"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "english", "german"),
    [
        ("manager_prot = 5038", "there is no setting manager_prot", "keine Einstellung manager_prot"),
        ('manager_port = "5038"', "manager_port must be a whole number", "manager_port muss eine ganze Zahl"),
        ("fastagi_port = 0", "from 1 to 65535", "von 1 bis 65535"),
        ("sip_port = 65536", "from 1 to 65535", "von 1 bis 65535"),
        ("sip_port = true", "sip_port must be a whole number", "sip_port muss"),
        ("sip_address = 1", "sip_address must be an address", "sip_address muss eine Adresse"),
        ('sip_address = "here"', "sip_address must be an address", "sip_address muss eine Adresse"),
        ("rtp_ports = 10000", "rtp_ports must be two ports", "rtp_ports müssen zwei Ports"),
        ("rtp_ports = [10400, 10000]", "rtp_ports must be two ports", "zwei Ports"),
        ("rtp_ports = [10000, 70000]", "rtp_ports must be two ports", "zwei Ports"),
        ("rtp_ports = [10000, 10001, 2]", "rtp_ports must be two ports", "zwei Ports"),
        ('rtp_ports = ["a", "b"]', "rtp_ports must be two ports", "zwei Ports"),
        ("front_panel = 1", "front_panel must be true or false", "front_panel muss true oder false"),
        ('box_ports = "/dev/ttyS0"', "box_ports must be a list", "box_ports muss eine Liste"),
        ('box_buses = ["ttyUSB0"]', "box_buses must be a list", "box_buses muss eine Liste"),
        ("line = 1", "lines are sections", "Leitungen sind Abschnitte"),
        ("[line]", "lines are sections", "Leitungen sind Abschnitte"),
        ('[[line]]\nname = "a"\nport = 1', "line a: host is missing", "line a: host fehlt"),
        (LINE.replace('"line"', "7"), "line 7: name must be a text", "line 7: name muss ein Text"),
        (LINE.replace('"line"', '"a]\\n[b"'), "name must be a text", "name muss ein Text"),
        (LINE.replace("127.0.0.2", "a b"), "line line: host must be a text", "line line: host muss"),
        (LINE.replace("5070", "0"), "line line: port must be a whole number", "line line: port muss"),
    ],
)
def test_each_mistake_is_told_in_both_languages(tmp_path: Path, text: str, english: str, german: str) -> None:
    (tmp_path / "box.toml").write_text(text)
    with pytest.raises(SettingsError) as refused:
        read_settings(tmp_path)
    for told, wanted in ((refused.value.english, english), (refused.value.german, german)):
        assert told.startswith(f"{tmp_path}/box.toml: ")
        assert wanted in told


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="no TOML"):
        read_settings(tmp_path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "box.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path)
