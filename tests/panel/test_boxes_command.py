"""The command `freizeichen boxes`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.cli import main
from appliance.panel.bundle import make_bundle
from appliance.store import boxes, times
from appliance.store.database import open_store
from tests.unit.seed import seeded_store

SERIAL = "e66164084319392a"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    db = seeded_store(tmp_path / "freizeichen.db")
    boxes.note_there(db, SERIAL, "/dev/ttyACM0", make_bundle().name, times.now())
    db.close()
    return tmp_path


def run(state: Path, *words: str) -> Result:
    return CliRunner(env={"LANG": "en", "LC_ALL": "en"}).invoke(
        main, ["--state", str(state), "boxes", *words]
    )


def test_pair_list_unpair(state: Path) -> None:
    assert "blinks violet" in run(state, "pair", "anna").output
    db = open_store(state / "freizeichen.db")
    pairing = boxes.open_pairing(db)
    assert pairing
    assert pairing.agent == "anna"
    boxes.pair(db, SERIAL, "anna")
    listed = json.loads(run(state, "list", "--json").output)
    assert [(row["serial"], row["agent"], row["port"], row["firmware_is_ours"]) for row in listed] == [
        (SERIAL, "anna", "", True)
    ]
    assert "anna" in run(state, "list").output
    assert run(state, "sound", SERIAL, "off").exit_code == 0
    assert run(state, "unpair", SERIAL).exit_code == 0
    box = boxes.all_boxes(db)[0]
    assert (box.agent, box.sound) == ("", False)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("pair", "nobody"), "Nobody is called 'nobody'. There are: anna, bert"),
        (("unpair", "12"), f"No box has the number 12. There are: {SERIAL}"),
        (("sound", "12", "on"), "No box has the number 12"),
        (("simulate", "/dev/null"), "/dev/null is already there"),
        (("simulate", "/tmp/no-such-port", "--serial", "xyz"), "16 hexadecimal digits"),
        (("disk", "/tmp"), "/tmp"),
    ],
)
def test_what_cannot_be_is_told(state: Path, words: tuple[str, ...], complaint: str) -> None:
    done = run(state, *words)
    assert done.exit_code != 0
    assert complaint in done.output


def test_an_agent_who_leaves_leaves_a_box_that_is_nobodys(state: Path) -> None:
    db = open_store(state / "freizeichen.db")
    boxes.pair(db, SERIAL, "gone")
    assert boxes.all_boxes(db)[0].agent == ""


def test_a_new_boxs_disk(state: Path, tmp_path: Path) -> None:
    assert run(state, "disk", str(tmp_path / "disk")).exit_code == 0
    written = {str(file.relative_to(tmp_path / "disk")) for file in (tmp_path / "disk").rglob("*.py")}
    assert {"main.py", "slots.py", "a/deskbox/loop.py", "a/deskbox/pico.py"} <= written
