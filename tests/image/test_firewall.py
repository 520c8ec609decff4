"""The firewall in a real kernel: the box in one network namespace, those who knock in another."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.image.debian_root import TOOLS, TREE, debian_root

ROOT = Path(__file__).parents[2]
TCP = [22, 80, 443, 4573, 5038, 8080]
UDP = [53, 123, 5060, 5061, 5353, 9999, 10000, 10399, 10400]
OFFICE = ["tcp 80", "udp 10000", "udp 10399", "udp 5060", "udp 5353"]


class Networks:
    """The two networks, see two_networks.py."""

    def __init__(self) -> None:
        separate = ["unshare", "--map-root-user", "--net"]
        possible = subprocess.run([*separate, "true"], capture_output=True, text=True, check=False)
        if possible.returncode:
            pytest.skip(f"no network namespaces here: {possible.stderr.strip()}")
        self._process = subprocess.Popen(
            [*separate, sys.executable, "-m", "tests.image.two_networks", str(debian_root(TOOLS))],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: Any) -> Any:
        """Give a command and return its answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def knock(self, who: str, expected: list[str]) -> list[str]:
        """Which ports answer."""
        answered: list[str] = self("knock", who, TCP, UDP, expected)
        return answered

    def close(self) -> None:
        """Take them down."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def networks() -> Iterator[Networks]:
    """The box listens on many ports; no rules yet."""
    networks = Networks()
    networks("listen", TCP, UDP)
    yield networks
    networks.close()


EVERYTHING = sorted([*(f"tcp {port}" for port in TCP), *(f"udp {port}" for port in UDP)])


def test_without_rules_everything_answers(networks: Networks) -> None:
    for who in ("phone", "phone6", "stranger"):
        assert networks.knock(who, EVERYTHING) == EVERYTHING


@pytest.mark.parametrize("who", ["phone", "phone6"])
def test_the_office_reaches_page_sip_sound_and_name(networks: Networks, who: str) -> None:
    networks("nft", str(TREE / "etc/nftables.conf"))
    assert networks.knock(who, OFFICE) == OFFICE


def test_a_stranger_reaches_nothing(networks: Networks) -> None:
    networks("nft", str(TREE / "etc/nftables.conf"))
    assert networks.knock("stranger", []) == []


def test_ssh_is_open_to_the_office_where_a_key_was_given(networks: Networks) -> None:
    networks("nft", str(TREE / "etc/nftables.conf"))
    networks("nft", str(TREE / "etc/nftables-ssh.conf"))
    assert networks.knock("phone", ["tcp 22", *OFFICE]) == ["tcp 22", *OFFICE]
    assert networks.knock("stranger", []) == []


def test_rules_loaded_again_close_ssh_again(networks: Networks) -> None:
    for file in ("etc/nftables.conf", "etc/nftables-ssh.conf", "etc/nftables.conf"):
        networks("nft", str(TREE / file))
    assert networks.knock("phone", OFFICE) == OFFICE


def test_the_exchange_on_the_internet_gets_in_while_the_line_is_kept_alive(networks: Networks) -> None:
    networks("nft", str(TREE / "etc/nftables.conf"))
    assert networks("exchange rings", 5070) == ["OPTIONS", "INVITE"]
    assert networks.knock("stranger", []) == []


def test_a_flood_of_sip_is_not_heard_and_others_are(networks: Networks) -> None:
    networks("flood", "desk", 3000)
    assert "udp 5060" in networks.knock("desk", ["udp 5060"])
    assert networks("heard", "desk") > 2500
    networks("nft", str(TREE / "etc/nftables.conf"))
    networks("flood", "phone", 3000)
    assert "udp 5060" in networks.knock("desk", ["udp 5060"])
    assert 50 <= networks("heard", "phone") < 1500
