"""The numbers' page: the ledger added up, drawn and as a table."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET

import pytest
from sqlite_utils import Database

from appliance.hotline.figures import Figures
from tests.web.visiting import Visitor, add_call, ago, words
from webui.chart import HEIGHT, WIDTH, chart


def page(client: Visitor, query: str = "") -> str:
    answer = client.get(f"/numbers?lang=de{query}")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


@pytest.fixture
def calls(db: Database) -> None:
    """Three calls of this minute: one talked to at once, one after six minutes, one hung up."""
    add_call(db, "a", outcome="talked", started=3, connected_at=ago(2))
    add_call(
        db, "b", outcome="talked", started=3, waits_since=ago(363), connected_at=ago(3), department="support"
    )
    add_call(db, "c", outcome="hung up", started=3, waits_since=ago(123))
    with db.conn:
        db.execute("UPDATE calls SET ended_at = ? WHERE call = 'b'", [ago(0)])
        db.execute("UPDATE calls SET ended_at = ? WHERE call = 'c'", [ago(3)])


@pytest.mark.usefixtures("calls")
def test_the_ledger_is_added_up(client: Visitor) -> None:
    text = page(client)
    assert words(text, "total") == (
        "Anrufe 3 gesprochen 2 nicht erreicht 1 Wartezeit im Mittel 4:00 Versprechen gehalten 33 %"
    )
    assert "Empfang 2 1 1 2:00 2:00 50 %" in " ".join(re.sub("<[^>]+>", " ", text).split())
    assert "Technik 1 1 6:00 6:00 0 %" in " ".join(re.sub("<[^>]+>", " ", text).split())
    one = page(client, "&department=support")
    assert words(one, "total").startswith("Anrufe 1 gesprochen 1")


@pytest.mark.parametrize("query", ["", "&period=day", "&period=month", "&period=quarter"])
def test_an_office_without_calls_has_numbers_too(client: Visitor, query: str) -> None:
    assert words(page(client, query), "total").startswith("Anrufe 0 gesprochen 0")


@pytest.mark.parametrize(
    "query",
    ["&until=2099-01-01", "&until=1000-01-01", "&until=x", "&until=2026-02-30", "&period=century",
     "&department=%27%20OR%201=1", "&until=9999-12-31&period=quarter", "&until=0001-01-01"],
)  # fmt: skip
def test_odd_questions_get_an_answer(client: Visitor, query: str) -> None:
    page(client, query)
    assert client.get(f"/numbers/table.csv?lang=de{query}").status_code == 200


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize(("language", "mark"), [("de", ";"), ("en", ",")])
def test_the_table_opens_in_a_spreadsheet(client: Visitor, language: str, mark: str) -> None:
    answer = client.get(f"/numbers/table.csv?lang={language}&period=week")
    assert answer.mimetype == "text/csv"
    assert re.search(r'attachment; filename="freizeichen-[\d-]+\.csv"', answer.headers["Content-Disposition"])
    text = answer.data.decode("utf-8-sig")
    assert answer.data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(text), delimiter=mark))
    assert len(rows) == 8
    assert {len(row) for row in rows} == {11}
    assert rows[-1][1:] == ["3", "2", "0", "0", "1", "0", "0", "240", "360", "33"]


@pytest.mark.usefixtures("calls")
def test_the_plot_is_a_picture_that_needs_nothing_else(client: Visitor) -> None:
    svg = re.search(r"<svg class=\"chart\".*?</svg>", page(client), re.DOTALL)
    assert svg
    root = ET.fromstring(svg[0])
    pieces = root.findall(".//rect")
    assert {piece.get("class") for piece in pieces} == {"talked", "hung-up"}
    assert not re.search(r"style=|<script|href", svg[0])
    assert "Anrufe 3" in svg[0]


@pytest.mark.parametrize("counts", [[], [0], [1], [3, 0, 7], [999], [12, 40000], [5] * 28])
def test_every_bar_is_inside_the_picture_and_as_high_as_its_calls(counts: list[int]) -> None:
    columns = []
    for count in counts:
        figures = Figures(calls=count)
        figures.groups["talked"] = count
        columns.append(("", "", figures))
    drawn = chart(columns)
    assert len(drawn.bars) == len(counts)
    assert 2 <= len(drawn.ticks) <= 7
    top = drawn.ticks[-1]
    assert top[1] >= max(counts, default=0)
    for bar, count in zip(drawn.bars, counts, strict=True):
        for box in bar.boxes:
            assert 0 <= box.x <= box.x + box.width <= WIDTH
            assert 0 <= box.y <= box.y + box.height <= HEIGHT
            assert box.height == pytest.approx((drawn.base - top[0]) * count / top[1], abs=0.11)
