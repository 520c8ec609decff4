"""The parts a card image is made of, without making one; `make test-image` boots a whole one."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
from pathlib import Path

import pytest
from make_image import FIGURES, different

from card.bill_of_materials import bill_of_materials, imager_list
from card.boot_files import SLOTS, command_line
from card.filesystems import (
    CARD_BYTES,
    MEGABYTE,
    PARTITIONS,
    SECTOR,
    SIGNATURE,
    partition_table,
    write_card,
)
from card.kernel import FIRST, cpio, needed_by
from card.packages import LEFT_OUT, LISTS, listed
from card.tree import REPOSITORY, needed_libraries

ROOT_TREE = REPOSITORY / "image-build/root"


def entries(table: bytes) -> list[tuple[int, int, int]]:
    """Type, first sector and number of sectors of each partition."""
    found = [struct.unpack_from("<B3xII", table, 446 + 16 * number + 4) for number in range(4)]
    return [(kind, begin, length) for kind, begin, length in found]


def test_partitions_lie_one_behind_the_other() -> None:
    table = partition_table()
    assert (len(table), table[510:]) == (512, b"\x55\xaa")
    parts = entries(table)
    assert [kind for kind, _, _ in parts] == [0x0C, 0x83, 0x83, 0x83]
    ends = [begin + length for _, begin, length in parts]
    assert [begin for _, begin, _ in parts[1:]] == ends[:-1]
    assert ends[-1] * SECTOR == CARD_BYTES
    assert all(begin * SECTOR % (4 * MEGABYTE) == 0 for _, begin, _ in parts), "cards erase blocks of 4 MB"


def test_the_four_bytes_the_first_program_writes_are_the_length_of_the_data_partition() -> None:
    places = re.findall(r'dd of="/dev/\$whole" bs=1 seek=(\d+)', FIRST.read_text())
    assert len(places) == 1
    written = struct.unpack_from("<I", partition_table(), int(places[0]))[0]
    assert written == entries(partition_table())[3][2]


def test_each_part_is_written_at_its_place(tmp_path: Path) -> None:
    parts = {}
    for number in (1, 2, 4):
        parts[number] = tmp_path / str(number)
        parts[number].write_bytes(bytes([number]) * 5000)
    write_card(tmp_path / "card", parts)
    with (tmp_path / "card").open("rb") as card:
        for number in parts:
            card.seek(PARTITIONS[number][0])
            assert card.read(5001) == bytes([number]) * 5000 + b"\0"
        card.seek(PARTITIONS[3][0])
        assert card.read(SECTOR) == bytes(SECTOR)
    assert (tmp_path / "card").stat().st_size == CARD_BYTES


def test_a_part_that_is_too_long_is_refused(tmp_path: Path) -> None:
    part = tmp_path / "slot"
    with part.open("wb") as file:
        file.truncate(PARTITIONS[2][1] + 1)
    with pytest.raises(ValueError, match="partition 2 has"):
        write_card(tmp_path / "card", {2: part})


@pytest.mark.parametrize("slot", SLOTS)
def test_the_kernel_is_told_what_the_first_program_reads(slot: str) -> None:
    told = dict(word.split("=", 1) for word in command_line(slot).split() if "=" in word)
    read = set(re.findall(r"\$\(given ([\w.]+)\)", FIRST.read_text()))
    assert read == {"root", "freizeichen.data"}
    assert told["root"] == f"PARTUUID={SIGNATURE:08x}-{SLOTS[slot]:02}"
    assert told["freizeichen.data"] == f"{SIGNATURE:08x}-04"


@pytest.mark.parametrize("script", [FIRST, *sorted((ROOT_TREE / "usr/lib/freizeichen").iterdir())], ids=str)
def test_scripts_are_understood_by_a_plain_shell(script: Path) -> None:
    done = subprocess.run(["dash", "-n", script], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr


def test_what_a_service_calls_is_not_left_out() -> None:
    wanted = [package for file in LISTS for package in listed(file)]
    assert len(wanted) == len(set(wanted)) > 20
    assert not [package for package in wanted if LEFT_OUT.fullmatch(package)]


@pytest.mark.parametrize(
    "name", ["perl-base", "gcc-16", "gcc-16-aarch64-linux-gnu", "dpkg", "make", "dracut-core"]
)
def test_what_installs_or_compiles_is_left_out(name: str) -> None:
    assert LEFT_OUT.fullmatch(name)


@pytest.mark.parametrize(
    "name", ["gcc-16-base", "libgcc-s1", "libstdc++6", "asterisk-dahdi", "libc6", "libpam0g"]
)
def test_what_programs_need_is_not(name: str) -> None:
    assert not LEFT_OUT.fullmatch(name)


def test_modules_come_with_all_they_need(tmp_path: Path) -> None:
    needs = {"mmc": "core,bus", "core": "", "bus": "crc-x", "crc_x": "", "other": ""}
    files = {name: tmp_path / f"{name}.ko" for name in needs}
    for name, file in files.items():
        file.write_bytes(b"\x7fELF\0depends=" + needs[name].encode() + b"\0license=GPL\0")
    files["bus"].write_bytes(files["bus"].read_bytes() + b"softdep=pre: other built-in\0")
    found = needed_by(files, ["mmc", "is_built_in"])
    assert found == {files[name] for name in ("mmc", "core", "bus", "crc_x", "other")}


def test_the_first_system_is_an_archive_the_kernel_reads() -> None:
    archive = b"".join(cpio({"dev": None, "bin": "usr/bin", "init": b"#!/bin/sh\n"}))
    found, place = {}, 0
    while place < len(archive):
        assert archive[place : place + 6] == b"070701"
        fields = [int(archive[place + 6 + 8 * n : place + 14 + 8 * n], 16) for n in range(13)]
        name_at = place + 110
        content_at = name_at + fields[11] + -(110 + fields[11]) % 4
        name = archive[name_at : name_at + fields[11] - 1].decode()
        found[name] = (fields[1], archive[content_at : content_at + fields[6]])
        place = content_at + fields[6] + -fields[6] % 4
    assert found == {
        "dev": (0o040755, b""),
        "bin": (0o120777, b"usr/bin"),
        "init": (0o100755, b"#!/bin/sh\n"),
        "TRAILER!!!": (0o100755, b""),
    }


def test_the_bill_of_materials_names_every_part_with_its_version() -> None:
    archives = ["libgmp10_2%3a6.3.0+dfsg-5_arm64.deb", "tzdata_2026f-1_all.deb"]
    listed_parts = json.loads(bill_of_materials(archives, needed_libraries(), "1.2.3"))
    assert listed_parts["metadata"]["component"]["version"] == "1.2.3"
    parts = {part["name"]: part for part in listed_parts["components"]}
    assert parts["libgmp10"]["version"] == "2:6.3.0+dfsg-5"
    assert parts["libgmp10"]["purl"] == "pkg:deb/debian/libgmp10@2%3A6.3.0%2Bdfsg-5?arch=arm64"
    assert parts["flask"]["purl"].startswith("pkg:pypi/flask@3.")
    assert not {"pytest", "ruff", "playwright", "numpy"} & set(parts), (
        "what only tests need is not on the card"
    )


def test_raspberry_pi_imager_is_told_what_it_checks() -> None:
    text = imager_list("x.img.xz", "1.2.3", 1764000000, card=(10, "a" * 64), packed=(5, "b" * 64))
    (entry,) = json.loads(text)["os_list"]
    assert (entry["extract_size"], entry["image_download_size"]) == (10, 5)
    assert (entry["extract_sha256"], entry["image_download_sha256"]) == ("a" * 64, "b" * 64)
    assert entry["release_date"] == "2025-11-24"


def test_the_key_of_ssh_is_made_once_and_whole(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh-keygen").write_text(
        '#!/bin/sh\nfor last; do :; done\necho key $$ >"$last"\nexit $STATUS\n'
    )
    (programs / "ssh-keygen").chmod(0o755)
    key = tmp_path / "host_key"

    def make_key(status: str) -> int:
        environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "STATUS": status}
        script = ROOT_TREE / "usr/lib/freizeichen/host-key"
        return subprocess.run([script, key], env=environment, check=False).returncode

    assert make_key("1") != 0
    assert not key.exists(), "half a key is none"
    assert make_key("0") == 0
    made = key.read_text()
    assert make_key("0") == 0
    assert key.read_text() == made


def test_what_differs_between_two_makings_is_named(tmp_path: Path) -> None:
    made, before = tmp_path / "made", tmp_path / "before"
    for folder in (made, before):
        folder.mkdir()
        (folder / "card.img.xz").write_bytes(b"the same")
        (folder / "card.update").write_bytes(b"signed")
    assert different(made, before) == []
    (made / FIGURES).write_text("it took longer")
    (before / "of an older version").write_text("")
    assert different(made, before) == []
    (made / "card.update").write_bytes(b"SIGNED")
    (made / "new.deb").write_bytes(b"")
    assert different(made, before) == ["card.update", "new.deb"]
