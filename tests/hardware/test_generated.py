"""What is checked in is what is generated, and says what `pins.toml` says."""

from __future__ import annotations

import ast
import csv
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hardware.design import FILE, Unit, read_design
from hardware.generate import FIRMWARE_PINS, HERE, generated
from hardware.parts import parts_list
from hardware.wiring import desk_box_picture, panel_picture
from hardware.words import LANGUAGES, ohms_in_words, word

FILES = generated()
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_checked_in_is_what_is_generated(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == FILES[file], "run python -m hardware.generate"


def test_nothing_generated_is_left_over() -> None:
    there = {file for pattern in ("wiring-*", "parts.*", "building.*") for file in HERE.glob(pattern)}
    assert there - {HERE / "parts.py"} == set(FILES) - {FIRMWARE_PINS}


def test_another_pin_or_led_changes_every_file_it_is_in() -> None:
    design = read_design(FILE.read_text(encoding="utf-8").replace("message = 19", "message = 20"))
    before = read_design()
    for language in LANGUAGES:
        assert panel_picture(design.panel, language) != panel_picture(before.panel, language)
        assert desk_box_picture(design.desk_box, language) == desk_box_picture(before.desk_box, language)
    brighter = read_design(
        FILE.read_text(encoding="utf-8").replace("wanted_milliamperes = 2.0", "wanted_milliamperes = 2.5")
    )
    assert "560 Ω" in parts_list(brighter, "en")
    assert "560 Ω" not in parts_list(before, "en")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("which", ["panel", "desk_box"])
def test_a_picture_shows_every_part_at_the_height_of_its_pin(which: str, language: str) -> None:
    unit: Unit = getattr(read_design(), which)
    picture = (panel_picture if which == "panel" else desk_box_picture)(unit, language)
    texts = [
        (float(text.get("y", "0")), text.text or "")
        for text in ElementTree.fromstring(picture).iter(f"{SVG}text")
    ]
    at = {text: y for y, text in texts if text.startswith("GP")}
    for what, pin in unit.pins():
        name = f"GPIO{pin}" if which == "panel" else f"GP{pin}"
        assert name in at, what
    for lamp in unit.lamps:
        name = word(lamp.name, language) if which == "panel" else f"RGB-LED, {word(lamp.name, language)}"
        y = at[f"GPIO{lamp.pin}" if which == "panel" else f"GP{lamp.pin}"]
        row = {text for height, text in texts if abs(height - y) < 17}
        assert {name, ohms_in_words(lamp.ohms)} <= row


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_words_of_a_picture_lie_on_each_other(language: str) -> None:
    """Judged by a width of 0.62 em a character, more than the font has on average."""
    design = read_design()
    for picture in (panel_picture(design.panel, language), desk_box_picture(design.desk_box, language)):
        boxes = []
        for text in ElementTree.fromstring(picture).iter(f"{SVG}text"):
            kind = text.get("class", "")
            size = 24 if "title" in kind else 12 if "small" in kind else 11 if "number" in kind else 15
            width, x, y = (
                len(text.text or "") * size * 0.62,
                float(text.get("x", "0")),
                float(text.get("y", "0")),
            )
            left = x - {"start": 0.0, "middle": width / 2, "end": width}[text.get("text-anchor", "start")]
            boxes.append((left, left + width, y - size * 0.75, y, text.text))
        assert all(left >= 0 and right <= 1240 for left, right, *_ in boxes)
        for number, (left, right, top, foot, name) in enumerate(boxes):
            for other in boxes[number + 1 :]:
                apart = right <= other[0] or other[1] <= left or foot <= other[2] or other[3] <= top
                assert apart, f"{name!r} and {other[4]!r}"


@pytest.mark.parametrize(("language", "delimiter"), [("de", ";"), ("en", ",")])
def test_the_parts_list_has_two_sources_and_a_range_for_each_part(language: str, delimiter: str) -> None:
    design = read_design()
    head, *rows = csv.reader(io.StringIO(parts_list(design, language)), delimiter=delimiter)
    assert len(rows) > 20
    for row in rows:
        assert len(row) == len(head) == 13
        assert row[6], row
        assert row[9], row
        assert (row[4], row[5], row[6]) != (row[7], row[8], row[9]), row
        low, high = (float(price.replace(",", ".")) for price in row[10:12])
        assert 0 < low < high, row
        assert "2026-11" in row[12]
    panel = [row for row in rows if row[0] == rows[0][0]]
    leds = sum(int(row[1]) for row in panel if row[2].startswith("LED"))
    resistors = sum(int(row[1]) for row in panel if "Ω" in row[2])
    assert (leds, resistors) == (
        len(design.panel.lamps),
        len(design.panel.lamps) + len(design.panel.contacts),
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guide_names_every_pin_and_only_files_that_are_there(language: str) -> None:
    guide = (HERE / f"building.{language}.md").read_text(encoding="utf-8")
    design = read_design()
    for unit in (design.panel, design.desk_box):
        for what, pin in unit.pins():
            if not what.startswith("serial"):
                assert re.search(rf"\| {unit.board.position(pin)} \| {pin} \|", guide), what
    for name in re.findall(r"\]\(([^)]+)\)|`((?:firmware/)?[\w.-]+\.(?:md|csv|toml))`", guide):
        linked = name[0] or name[1]
        assert (HERE / linked).exists() or (HERE.parent / linked).exists(), linked


def test_the_firmware_has_these_pins() -> None:
    """The part that starts the firmware cannot import them, for it starts firmware of any age."""
    pins = dict(re.findall(r"(?m)^(\w+) = (\d+)$", FIRMWARE_PINS.read_text()))
    assert len(set(pins.values())) == len(pins) == 9
    main = ast.parse((FIRMWARE_PINS.parents[1] / "main.py").read_text())
    numbers = [
        node.value.value
        for node in main.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and ast.unparse(node.targets[0]) == "_BUTTON"
    ]
    assert numbers == [int(pins["BUTTON"])]
