"""The codes for telephone apps, read from the screen by a decoder as an app's camera would."""

from __future__ import annotations

import io
import urllib.request
from xml.etree import ElementTree

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser

from tests.web.test_browser import PHONE, Office, context, signed_in
from tests.web.test_browser import browser as browser
from tests.web.test_browser import office as office


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_decoder_reads_what_the_apps_need(browser: Browser, office: Office, scheme: str) -> None:
    window = context(browser, viewport=PHONE, color_scheme=scheme)
    page = signed_in(office, window)
    page.goto(office.address("/agents/phones/desk_1?lang=de"))
    page.get_by_role("button", name="QR-Code zeigen").click()
    figures = page.locator("figure.code [role=img]")
    assert figures.count() == 2
    read = []
    for number in range(2):
        seen = Image.open(io.BytesIO(figures.nth(number).screenshot())).convert("L")
        found = zxingcpp.read_barcodes(seen)
        assert [str(code.format) for code in found] in (["QR Code"], ["QRCode"], ["BarcodeFormat.QRCode"])
        read.append(found[0].text)
    window.close()

    assert read[0].startswith(office.address("/phone/")), "Linphone fetches its settings from this address"
    with urllib.request.urlopen(read[0]) as answer:
        fetched = ElementTree.fromstring(answer.read())
    entries = {entry.get("name"): entry.text for entry in fetched.iter() if entry.get("name")}
    assert entries["reg_identity"] == "sip:desk_1@127.0.0.1"
    assert entries["passwd"] == "example-secret-21"

    account = ElementTree.fromstring(read[1].partition("?>")[2]).find("Account")
    assert account is not None
    assert account.findtext("RegisterServer") == "127.0.0.1:5060"
    assert [account.findtext(field) for field in ("UserID", "AuthID", "AuthPass")] == [
        "desk_1",
        "desk_1",
        "example-secret-21",
    ]
