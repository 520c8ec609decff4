"""Both languages, complete, and which one a visitor gets."""

from __future__ import annotations

import string

import pytest
from sqlite_utils import Database

from tests.web.visiting import Visitor, get, post, words
from webui.texts import TEXTS


def test_both_languages_have_every_sentence_with_the_same_places() -> None:
    def places(sentence: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}

    german, english = TEXTS["de"].sentences, TEXTS["en"].sentences
    assert german.keys() == english.keys()
    assert {key: places(text) for key, text in german.items()} == {
        key: places(text) for key, text in english.items()
    }
    assert all(text.strip() for text in [*german.values(), *english.values()])


@pytest.mark.parametrize(
    ("address", "cookie", "accepted", "office", "expected"),
    [
        ("/", "", "", "de", "de"),
        ("/", "", "", "en", "en"),
        ("/", "", "fr", "en", "en"),
        ("/", "", "en-GB,en;q=0.9,de;q=0.5", "de", "en"),
        ("/", "de", "en", "en", "de"),
        ("/?lang=en", "de", "de", "de", "en"),
        ("/?lang=tlh", "", "", "en", "en"),
        ("/", "<x>", "", "en", "en"),
    ],
)
def test_the_language_is_asked_for_remembered_the_browsers_or_the_offices(
    client: Visitor, db: Database, address: str, cookie: str, accepted: str, office: str, expected: str
) -> None:
    with db.conn:
        db.execute("UPDATE office SET language = ?", [office])
    if cookie:
        client.set_cookie("language", cookie)
    page = client.get(address, headers={"Accept-Language": accepted} if accepted else {}).get_data(
        as_text=True
    )
    assert f'<html lang="{expected}"' in page
    assert TEXTS[expected]("panel.agents") in page


def test_a_chosen_language_is_remembered(client: Visitor) -> None:
    get(client, "en")
    assert '<html lang="en"' in client.get("/").get_data(as_text=True)
    assert words(post(client, "/press").get_data(as_text=True), "reason") == TEXTS["en"]("error.button")
