"""The quick guide for agents says what the box does, and is two pages of paper."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.web.test_browser import Office, context, signed_in
from tests.web.test_browser import browser as browser
from tests.web.test_browser import office as office
from webui.guide import CODES

DIALPLAN = Path(__file__).parents[2] / "appliance" / "dialplan" / "extensions.conf"


def test_the_codes_are_those_of_the_phones() -> None:
    phones = DIALPLAN.read_text("utf-8").split("[phones]\n")[1].split("\n[")[0]
    dialled = set(re.findall(r"^exten => (\*\d+),", phones, re.MULTILINE))
    assert set(CODES) | {"*80"} == dialled


@pytest.mark.parametrize("language", ["de", "en"])
def test_it_is_two_pages_of_paper_with_the_offices_own_keys(
    browser: Browser, office: Office, language: str, tmp_path: Path
) -> None:
    with office.db.conn:
        office.db.execute("UPDATE transfer_keys SET blind = '##'")
    window = context(browser)
    page = signed_in(office, window)
    page.goto(office.address(f"/guide?lang={language}"))
    keys = page.locator("kbd").all_inner_texts()
    assert {"##", "*2", *CODES} <= set(keys)
    assert "#1" not in keys
    extensions = page.locator(".extensions").inner_text()
    for title, extension in office.db.execute(
        "SELECT a.title, p.extension FROM agents AS a JOIN phones AS p ON p.name = a.phone"
    ).fetchall():
        assert f"{extension} {title}" in extensions
    printed = page.pdf(path=tmp_path / f"guide-{language}.pdf", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2
    page.emulate_media(media="print")
    page.screenshot(path=tmp_path / f"guide-{language}.png", full_page=True)
    window.close()
