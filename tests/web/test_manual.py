"""The manual in the page: the same in both languages, about pages that exist, reached from each of them."""

from __future__ import annotations

import re

import pytest

from tests.web.set_up_office import SetUpOffice
from tests.web.visiting import visitor
from webui.manual import ADDRESSES, MANUAL, NAMES, TITLES, links
from webui.texts import LANGUAGES, TEXTS
from webui.visit import PLACES, SYSTEM

ACROSS = {"start", "call", "trouble"}


def test_both_languages_have_the_same_sections_in_the_same_order_and_every_page_has_one() -> None:
    german, english = (MANUAL[language] for language in LANGUAGES)
    assert [section.name for section in german] == [section.name for section in english]
    assert [len(section.text) for section in german] == [len(section.text) for section in english]
    assert {*PLACES, *SYSTEM, "setup"} | ACROSS == NAMES
    assert set(ADDRESSES) == set(TITLES) == NAMES - ACROSS


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_names_only_pages_there_are_and_calls_them_as_they_are_called(
    office: SetUpOffice, language: str
) -> None:
    titles = {ADDRESSES[name]: TEXTS[language](TITLES[name]) for name in ADDRESSES}
    other = MANUAL[next(each for each in LANGUAGES if each != language)]
    for section, in_other in zip(MANUAL[language], other, strict=True):
        for sentence, the_same in zip(section.text, in_other.text, strict=True):
            assert [where for _, where in links(sentence)] == [where for _, where in links(the_same)]
            for words, where in links(sentence):
                assert office.browser.get(where).status_code in (200, 303), where
                assert words.casefold() == titles.get(where, words).casefold()
            assert len(sentence) < 300, "short"
    page = office.get("/manual", language)
    for section in MANUAL[language]:
        assert f'id="{section.name}"' in page
    assert "](" not in page


def test_each_page_leads_to_its_section(office: SetUpOffice) -> None:
    manual = office.get("/manual")
    for name, address in ADDRESSES.items():
        target = re.search(r'class="help" href="/manual#(\w+)"', office.get(address))
        assert target, address
        assert target[1] == name
        assert f'id="{name}"' in manual


def test_an_agent_reads_of_his_own_pages_only(office: SetUpOffice) -> None:
    anna = visitor(office.browser.application)
    anna.sign_in(office.db, "anna", "agent", "anna")
    page = anna.get("/manual?lang=de").get_data(as_text=True)
    shown = set(re.findall(r'<section class="card" id="(\w+)"', page))
    assert shown == {"today", "inbox", "prompts", "numbers", "lines", "call"}
