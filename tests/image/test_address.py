"""A fixed address from the card: what the file may say, and what is said about one that is wrong."""

from __future__ import annotations

import configparser
import subprocess
from pathlib import Path

import pytest

from tests.image.debian_root import TREE

SCRIPT = TREE / "usr/lib/freizeichen/address-from-card"


def taken(folder: Path, content: bytes) -> tuple[int, str, Path]:
    """Status, what is said, and the file for networkd."""
    file, target = folder / "network.txt", folder / "run/10-office.network"
    file.write_bytes(content)
    done = subprocess.run(["dash", SCRIPT, file, target], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr, target


@pytest.mark.parametrize(
    "content",
    [
        b"address=192.168.7.20/24\ngateway=192.168.7.1\ndns=192.168.7.1\ndns=9.9.9.9\n",
        b"# ours\r\naddress = 192.168.7.20/24\r\n\r\ngateway = 192.168.7.1 # router\r\n"
        b"dns=192.168.7.1\r\ndns=9.9.9.9",
        b"\xef\xbb\xbfaddress=192.168.7.20/24\ndns=192.168.7.1\ndns=9.9.9.9\n\tgateway\t=192.168.7.1\n",
    ],
)
def test_an_address_is_taken_whatever_wrote_the_file(tmp_path: Path, content: bytes) -> None:
    status, said, target = taken(tmp_path, content)
    assert (status, said) == (0, "")
    text = target.read_text()
    assert text.count("DNS=192.168.7.1\nDNS=9.9.9.9\n") == 1
    read = configparser.RawConfigParser(strict=False)
    read.read_string(text)
    assert read["Match"]["Type"] == "ether"
    assert read["Network"]["Address"] == "192.168.7.20/24"
    assert read["Network"]["Gateway"] == "192.168.7.1"
    assert "DHCP" not in text


def test_only_the_address_must_be_there(tmp_path: Path) -> None:
    status, _, target = taken(tmp_path, b"address=10.0.0.2/8\n")
    assert status == 0
    assert "Gateway" not in target.read_text()
    assert "DNS=" not in target.read_text().replace("MulticastDNS=", "")


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        (b"", 1, "address fehlt"),
        (b"gateway=192.168.7.1\n", 2, "address fehlt"),
        (b"address=192.168.7.20\n", 1, "/24"),
        (b"address=192.168.7.256/24\n", 1, "keine Adresse"),
        (b"address=192.168.7/24\n", 1, "keine Adresse"),
        (b"address=192.168.7.1.1/24\n", 1, "keine Adresse"),
        (b"address=192.168.07.1/24\n", 1, "keine Adresse"),
        (b"address=192.168.7.1/33\n", 1, "keine Adresse"),
        (b"address=192.168.7.1/024\n", 1, "keine Adresse"),
        (b"address=/24\n", 1, "keine Adresse"),
        (b"address=10.0.0.2/8\naddress=10.0.0.3/8\n", 2, "zweimal"),
        (b"\naddress=10.0.0.2/8\ngateway=router\n", 3, "keine Adresse"),
        (b"address=10.0.0.2/8\ndns=9.9.9.9,8.8.8.8\n", 2, "keine Adresse"),
        (b"address=10.0.0.2/8\nrouter=10.0.0.1\n", 2, "'router' gibt es nicht"),
        (b"address=10.0.0.2/8\n[Match]\n", 2, "gibt es nicht"),
        (b"address=$(reboot)/8\n", 1, "keine Adresse"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    tmp_path: Path, content: bytes, line: int, word: str
) -> None:
    status, said, target = taken(tmp_path, content)
    assert status == 1
    assert said.startswith(f"network.txt, {line}: ")
    assert word in said
    assert said.count("\n") == 1
    assert not target.exists()
