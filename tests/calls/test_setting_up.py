"""The office is set up by clicking only, and changed while calls go on: real Chromium, real Asterisk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from appliance.office_page import office_page
from appliance.simulator.office import SimulatedOffice
from appliance.store import times, users
from appliance.telephony.prompts.speech import speech_file
from tests.calls.conftest import nothing_is_left
from tests.web.chromium import ensure_chromium
from webui import Server, serve

VOICE = speech_file("unassigned-number", "en")
PATIENCE_MS = 20_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[[SimulatedOffice], tuple[Page, Server]]]:
    """Serves an office's page and opens it without JavaScript: plain forms do everything."""
    servers: list[Server] = []

    def open_page(office: SimulatedOffice) -> tuple[Page, Server]:
        servers.append(serve(office_page(office.settings)))
        window = browser.new_context(locale="de-DE", java_script_enabled=False)
        window.set_default_timeout(PATIENCE_MS)
        return window.new_page(), servers[-1]

    yield open_page
    for server in servers:
        server.close()


def saves(page: Page, button: str = "Speichern") -> None:
    """Press the button of a form; it says that what was saved is in force."""
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator(".said.done").first).to_contain_text("Gespeichert und in Kraft")


def test_from_the_first_start_to_the_first_answered_call_by_clicking_only(
    make_office: Callable[..., SimulatedOffice],
    open_page: Callable[[SimulatedOffice], tuple[Page, Server]],
) -> None:
    office = make_office("")
    page, server = open_page(office)
    code = users.new_link(office.db, "first start", times.now() + timedelta(hours=1))
    page.goto(server.url)
    page.get_by_label("Code der Anlage").fill(code)
    page.get_by_label("Ihr Name zum Anmelden").fill("ada")
    page.get_by_label("Neues Kennwort").fill("kurz und gut")
    page.get_by_label("Noch einmal").fill("kurz und gut")
    page.get_by_role("button", name="Anlage übernehmen").click()

    page.get_by_role("link", name="Büro einrichten").click()
    for label, value in {
        "Name des Büros": "Kanzlei Weiß", "Vorwahl": "0931", "Telefonnummern": "555-10",
        "Montag bis Freitag": "00:00-24:00", "Mailadresse": "post@kanzlei.example",
        "Mailserver": "127.0.0.1", "Port": str(office.mail_server.port),
        "Absender": "anlage@kanzlei.example", "Name": "Anna Berg", "Nebenstelle": "21",
    }.items():  # fmt: skip
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("Verschlüsselung").select_option("none")
    saves(page, "Büro einrichten")
    expect(page.get_by_role("heading", level=1)).to_have_text("Telefon von Anna Berg")
    assert (
        page.locator("#secret").inner_text() == office.db.execute("SELECT secret FROM phones").fetchone()[0]
    )

    page.get_by_role("link", name="Abteilungen", exact=True).click()
    page.get_by_role("link", name="Zentrale bearbeiten").click()
    page.get_by_label("Rund um die Uhr geöffnet").check()  # the test runs at any hour of any day
    saves(page)

    office.plug_in_phones()
    page.get_by_role("link", name="Heute", exact=True).click()
    page.get_by_role("button", name="Taste Anna Berg").click()
    office.lamp_is("agent:anna-berg", "green")
    caller, desk = office.caller(), office.desk("anna-berg")
    caller.dials("0931 555-10")
    caller.hears("greeting")
    desk.rings()
    desk.answers()
    caller.says(VOICE)
    desk.hears_sound(VOICE)
    desk.hangs_up()
    caller.waits_until_cut_off()
    assert office.outcome(office.call_of(caller)) == "talked"
    nothing_is_left(office)


def test_a_number_and_the_hours_change_while_a_call_goes_on(
    make_office: Callable[..., SimulatedOffice],
    open_page: Callable[[SimulatedOffice], tuple[Page, Server]],
) -> None:
    office = make_office()
    users.set_user(office.db, "ada", "admin")
    link = users.new_link(office.db, "sign in", times.now() + timedelta(hours=1), "ada")
    page, server = open_page(office)
    page.goto(f"{server.url}sign-in/{link}")
    page.get_by_role("button", name="Als ada anmelden").click()
    office.sets("anna", "available")
    first, desk = office.caller("+4917011111111"), office.desk("anna")
    first.dials("0931 555-10")
    desk.rings()
    desk.answers()

    page.get_by_role("link", name="Abteilungen", exact=True).click()
    page.get_by_role("link", name="Technik bearbeiten").click()
    page.get_by_label("Telefonnummern").fill("0931 555-77")
    saves(page)
    page.get_by_role("link", name="← Abteilungen").click()
    page.get_by_role("link", name="Office bearbeiten").click()
    tomorrow = (times.now() + timedelta(days=2)).strftime("%a").casefold()[:3]
    for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"):
        page.locator(f"#{day}").fill("08:00-09:00" if day == tomorrow else "")
    saves(page)

    first.says(VOICE)
    desk.hears_sound(VOICE)
    old, new, late = (office.caller(f"+491702222222{n}") for n in range(3))
    old.dials("0931 555-10")
    old.hears("unassigned-number")
    old.waits_until_cut_off()
    late.dials("0931 555-20")
    late.hears("closed", language="en")
    late.hangs_up()
    desk.hangs_up()
    first.waits_until_cut_off()
    new.dials("0931 555-77")
    new.hears("greeting")
    desk.rings()
    new.hangs_up()
    nothing_is_left(office)
