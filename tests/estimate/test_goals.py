"""What RESULTS.md claims, in a smaller run of the same measurement."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from appliance.hotline.announcement import Said, announcement
from tests.estimate import __main__ as command
from tests.estimate import measure
from tests.estimate.app_queue import AppQueue
from tests.estimate.erlang import CASES, Case, Validation, formula, simulated, validated
from tests.estimate.measure import measured
from tests.estimate.report import invalid, missed
from tests.estimate.scenarios import SCENARIOS

CALLS = 5000
VALIDATION_CALLS = 300_000
# The two others need millions of calls until chance is below 2 %; `make estimate` takes them.
QUICK_CASES = (CASES[0], CASES[3], CASES[4])


@pytest.mark.parametrize(
    ("case", "must_wait", "mean_wait_seconds", "give_up"),
    [
        (CASES[0], 0.444444, 80.000, 0.0),
        (CASES[1], 0.817061, 490.237, 0.0),
        (CASES[2], 0.421652, 50.598, 0.0),
        (CASES[3], 0.69732, 69.75, 0.23251),
        (CASES[4], 0.61388, 46.14, 0.15381),
    ],
)
def test_the_formulas_give_the_known_figures(
    case: Case, must_wait: float, mean_wait_seconds: float, give_up: float
) -> None:
    figures = formula(*case)
    assert figures.must_wait == pytest.approx(must_wait, rel=1e-5)
    assert figures.mean_wait_seconds == pytest.approx(mean_wait_seconds, rel=1e-4)
    assert figures.give_up == pytest.approx(give_up, rel=1e-4)


@pytest.mark.parametrize("case", QUICK_CASES)
def test_the_simulated_line_agrees_with_erlang(case: Case) -> None:
    assert not invalid(validated(case, seed=1, calls=VALIDATION_CALLS))


def test_a_line_that_is_wrong_is_noticed() -> None:
    rate, handling, agents, patience = CASES[3]
    slower = simulated(rate, 1.05 * handling, agents, patience, seed=1, calls=50_000)
    assert invalid(Validation(CASES[3], formula(*CASES[3]), slower))


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_goal_is_met(name: str) -> None:
    tally = measured(name, [1], CALLS)
    assert tally.asked > CALLS / 4
    assert tally.repeats > CALLS / 8
    assert not missed(name, tally)
    assert tally.ratio("best") <= tally.ratio("ours") + 0.02  # else the best possible is not what it says


def test_app_queue_itself_rises_and_is_biased() -> None:
    """The baseline does what it is measured against for; so the measurement sees such things."""
    tally = measured("overload", [1], CALLS)
    assert tally.theirs_rose > 0.1 * tally.repeats
    assert tally.bias("theirs") < -0.3


def test_the_same_seed_gives_the_same_figures() -> None:
    assert measured("office", [3], 2500) == measured("office", [3], 2500)
    assert measured("office", [3], 2500) != measured("office", [4], 2500)


@pytest.mark.parametrize(
    ("wrong", "goal"),
    [
        (lambda ahead, _agents, _history: 60.0 * (ahead + 1) ** 2, "error"),
        (lambda ahead, agents, _history: 180.0 * (ahead + 1) / agents, "bias"),  # nobody gives up
    ],
)
def test_a_worse_estimate_misses_a_goal(monkeypatch: pytest.MonkeyPatch, wrong: object, goal: str) -> None:
    monkeypatch.setattr(measure, "expected_wait_seconds", wrong)
    assert any(goal in sentence for sentence in missed("overload", measured("overload", [1], CALLS)))


def test_a_wait_that_rises_misses_the_goal(monkeypatch: pytest.MonkeyPatch) -> None:
    def as_on_entry(_last: Said | None, **now: Any) -> Any:
        return announcement(None, **now)

    monkeypatch.setattr(measure, "announcement", as_on_entry)
    monkeypatch.setattr(measure, "expected_wait_seconds", lambda ahead, *_: 60.0 * (5 - ahead % 5))
    found = missed("overload", measured("overload", [1], CALLS))
    assert any("rose" in sentence for sentence in found)


def test_app_queue_counts_in_whole_seconds_and_minutes() -> None:
    queue = AppQueue()
    assert queue.announced_minutes(0.0) == 0
    queue.answered(601.9)
    assert queue.holdtime == 150
    queue.answered(33.0)
    assert queue.holdtime == 120  # (450 + 33) / 4 = 120.75
    assert [queue.announced_minutes(waited) for waited in (0, 90, 150, 210, 450)] == [2, 1, 0, 1, 5]


def test_the_command_tells_keeps_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_VALIDATION_CALLS", 50_000)
    monkeypatch.setattr(command, "CASES", CASES[3:4])
    monkeypatch.setattr(command, "SCENARIOS", ("office", "overload"))
    options = ["--calls", "2500", "--seeds", "1", "--folder", str(tmp_path)]
    done = CliRunner().invoke(command.main, options, env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    assert "Every goal is met." in done.output
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| overload |" in text
    assert "--seed 1 --seeds 1 --calls 2500" in text
    assert (tmp_path / "results.svg").read_text().startswith("<svg")

    monkeypatch.setattr(command, "missed", lambda name, _tally: [f"{name}: missed"])
    done = CliRunner().invoke(command.main, [*options, "--json"])
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert [row["scenario"] for row in told["scenarios"]] == ["office", "overload"]
    assert 0 < told["scenarios"][0]["ratio"] < 1


def test_nothing_is_measured_in_a_wrong_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_VALIDATION_CALLS", 2000)
    monkeypatch.setattr(command, "invalid", lambda _: ["the line is wrong"])
    done = CliRunner().invoke(command.main, ["--folder", str(tmp_path)])
    assert done.exit_code == 1
    assert "the line is wrong" in done.output
    assert not list(tmp_path.iterdir())
