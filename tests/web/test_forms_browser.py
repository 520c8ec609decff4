"""The forms in a real browser: filled in, refused, sent again, with and without JavaScript; axe looks on."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from appliance.store.config_change import read_document
from tests.web.test_browser import PHONE, Office, browser, context, office, signed_in

__all__ = ["browser", "office"]  # fixtures


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_department_is_changed_by_clicking(browser: Browser, office: Office, script: bool) -> None:
    window = context(browser, java_script_enabled=script)
    page = signed_in(office, window)
    page.get_by_role("link", name="Abteilungen", exact=True).click()
    page.get_by_role("link", name="Buchhaltung bearbeiten").click()
    page.get_by_label("Montag").fill("acht bis zwölf")
    page.get_by_label("Versprochene Wartezeit").fill("bald")
    page.get_by_role("button", name="Speichern").click()
    expect(page.locator("#refused")).to_contain_text("Es wurde nichts gespeichert.")
    expect(page.locator("#mon")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#mon-wrong")).to_contain_text("ist keine Zeitspanne")
    expect(page.locator("#promise_minutes-wrong")).to_have_text("Hier gehört eine ganze Zahl hin.")
    page.get_by_label("Montag").fill("08:00-12:00")
    page.get_by_label("Versprochene Wartezeit").fill("7")
    page.get_by_label("Besonderer Tag 1: erster Tag").fill("2030-12-24")
    page.get_by_role("button", name="Speichern").click()
    expect(page.get_by_role("status").first).to_contain_text("Gespeichert")
    section = read_document(office.db)["department"][1]
    assert section["hours"]["mon"] == "08:00-12:00"
    assert section["hours"]["2030-12-24"] == "closed"
    assert section["promise_minutes"] == 7
    window.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_refused_form_and_in_codes(
    browser: Browser, office: Office, scheme: str
) -> None:
    window = context(browser, viewport=PHONE, color_scheme=scheme)
    page = signed_in(office, window)
    page.goto(office.address("/departments/accounting?lang=de"))
    page.get_by_label("Montag").fill("x")
    page.get_by_label("Rückruf", exact=True).uncheck()
    page.get_by_label("Nachricht", exact=True).uncheck()
    page.get_by_role("button", name="Speichern").click()
    expect(page.locator("#choices-wrong")).to_contain_text("Nur warten lassen geht nicht")
    assert not Axe().run(page).response["violations"]
    page.goto(office.address("/agents/phones/desk_1?lang=de"))
    page.get_by_role("button", name="QR-Code zeigen").click()
    expect(page.get_by_role("img", name="QR-Code für Linphone")).to_be_visible()
    page.wait_for_load_state()  # without its style sheets it is wider
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert not Axe().run(page).response["violations"]
    window.close()
