"""The statistics of the bench. Nothing here is timed."""

from __future__ import annotations

import random

import pytest

from tests.bench.comparing import Figure, at, compared, ratio


def test_the_ratio_is_that_of_the_medians_whatever_the_outliers() -> None:
    found = ratio([[2, 2, 2, 900], [2, 2, 2]], [[1, 1, 1], [1, 1, 1, 500]])
    assert found.value == 2
    assert found.low <= 2 <= found.high


def test_a_high_quantile_sees_the_outliers() -> None:
    calm, nervous = [[1.0] * 100], [[1.0] * 95 + [9.0] * 5]
    assert ratio(nervous, calm).value == 1
    assert ratio(nervous, calm, quantile=0.99).value == 9


def test_the_interval_holds_the_true_ratio_about_as_often_as_it_says() -> None:
    dice = random.Random(5)

    def side(middle: float) -> list[list[float]]:
        return [[dice.gauss(middle, 1) for _ in range(20)] for _ in range(5)]

    hits = sum(
        found.low <= 1.5 <= found.high
        for seed in range(40)
        for found in [ratio(side(15), side(10), seed=seed, resamples=100)]
    )
    assert hits >= 32
    assert ratio(side(15), side(10)).high < 1.7


def test_rounds_that_differ_widen_the_interval() -> None:
    even = ratio([[2.0, 2.1]] * 5, [[1.0, 1.1]] * 5)
    uneven = ratio([[2.0, 2.1], [4.0, 4.1], [2.0], [6.0], [2.0]], [[1.0, 1.1]] * 5)
    assert uneven.high - uneven.low > 5 * (even.high - even.low)


def test_the_same_seed_gives_the_same_interval() -> None:
    samples = [[1.0, 3.0, 2.0], [2.0, 5.0]]
    assert ratio(samples, samples, seed=7) == ratio(samples, samples, seed=7)


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([[1.0]], []), ([[1.0], []], [[1.0], [1.0]])])
def test_sides_that_cannot_be_compared_are_refused(
    ours: list[list[float]], theirs: list[list[float]]
) -> None:
    with pytest.raises(ValueError, match="same number of rounds"):
        ratio(ours, theirs)


def test_a_figure_knows_whether_its_goal_holds() -> None:
    assert Figure("x", 2.0, at_most=1.9).is_missed
    assert not Figure("x", 1.9, at_most=1.9).is_missed
    assert Figure("x", 1.0, at_least=1.1).is_missed
    assert Figure("x", float("nan"), at_most=1.0).is_missed, "what could not be measured does not hold"
    assert not Figure("x", 1.0).is_missed
    assert compared("x", [[4.0]], [[2.0]], unit="ms", at_most=1.8).is_missed


def test_a_quantile_of_all_rounds() -> None:
    assert at(0.5, [[1.0, 2.0], [3.0]]) == 2
