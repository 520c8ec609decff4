"""The picture of the results: errors by scenario, and the longest wait of the office as it was told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from tests.estimate.measure import FORECASTS, Course, Tally
from tests.estimate.report import MOST_RATIO

_WIDTH = 900
_LEFT = 270
_RIGHT = 40
_ROW = 34
_COURSE_HEIGHT = 260
_OURS, _THEIRS, _TRUE, _GOAL = "#1b6e3c", "#b4541a", "#333333", "#a00020"


def picture(tallies: dict[str, Tally], course: Course) -> str:
    """An SVG of both parts."""
    bars_height = 70 + _ROW * len(tallies)
    height = bars_height + _COURSE_HEIGHT + 110
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            'font-family="sans-serif" font-size="13">',
            f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
            *_bars(tallies),
            f'<g transform="translate(0 {bars_height + 40})">',
            *_course(course),
            "</g>",
            "</svg>\n",
        )
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = _TRUE) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {more}/>'


def _bars(tallies: dict[str, Tally]) -> Iterator[str]:
    """A bar per scenario: our error in errors of app_queue, with the best possible as a mark."""
    scale = _WIDTH - _LEFT - _RIGHT
    bottom = 50 + _ROW * len(tallies)
    yield _text(_LEFT, 20, "Error of the expected wait; app_queue's is 1")
    for number, (name, tally) in enumerate(tallies.items()):
        y = 40 + _ROW * number
        ours, best = (_LEFT + scale * tally.ratio(forecast) for forecast in ("ours", "best"))
        yield _text(_LEFT - 10, y + 16, name, anchor="end")
        yield f'<rect x="{_LEFT}" y="{y}" width="{ours - _LEFT:.1f}" height="22" fill="{_OURS}"/>'
        yield _line(best, y - 2, best, y + 24, "#8fd6a8", 'stroke-width="3"')
        yield _text(_LEFT + 8, y + 16, f"{tally.ratio('ours'):.2f}", colour="white")
    for ratio, colour, label in ((MOST_RATIO, _GOAL, f"goal {MOST_RATIO}"), (1.0, _THEIRS, "app_queue")):
        x = _LEFT + scale * ratio
        yield _line(x, 30, x, bottom, colour, 'stroke-dasharray="5 4"')
        yield _text(x, bottom + 16, label, anchor="middle", colour=colour)
    yield _text(_LEFT, bottom + 16, "light mark: best possible")


def _course(course: Course) -> Iterator[str]:
    """Forecasts of one wait over the time waited, with what was left in truth."""
    ours, theirs = (
        [(waited, forecasts[FORECASTS.index(name)]) for waited, forecasts in course.asked]
        for name in ("ours", "theirs")
    )
    most = max([course.waited_seconds, *(y for _, y in (*ours, *theirs))])
    across = (_WIDTH - _LEFT - _RIGHT) / course.waited_seconds
    up = _COURSE_HEIGHT / most

    def point(waited: float, left: float) -> tuple[float, float]:
        return _LEFT + across * waited, 20 + _COURSE_HEIGHT - up * left

    def staircase(points: Sequence[tuple[float, float]], colour: str) -> str:
        ends = [waited for waited, _ in points[1:]] + [course.waited_seconds]
        corners = [
            point(at, left) for (waited, left), end in zip(points, ends, strict=True) for at in (waited, end)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'

    yield _text(_LEFT, 0, "The longest of all waits in the office, the hardest to foresee: minutes left")
    for minute in range(0, int(most // 60) + 1, 5):
        _, y = point(0.0, 60.0 * minute)
        yield _line(_LEFT, y, _WIDTH - _RIGHT, y, "#dddddd")
        yield _text(_LEFT - 8, y + 4, f"{minute}", anchor="end")
    for minute in range(0, int(course.waited_seconds // 60) + 1, 5):
        x, y = point(60.0 * minute, 0.0)
        yield _text(x, y + 18, f"{minute}", anchor="middle")
    yield _text(_LEFT, 20 + _COURSE_HEIGHT + 36, "minutes waited")
    yield _line(
        *point(0.0, course.waited_seconds), *point(course.waited_seconds, 0.0), _TRUE, 'stroke-width="1.5"'
    )
    yield staircase(theirs, _THEIRS)
    yield staircase(ours, _OURS)
    for number, (label, colour) in enumerate((("ours", _OURS), ("app_queue", _THEIRS), ("in truth", _TRUE))):
        yield _text(30, 40 + 22 * number, f"— {label}", colour=colour)
