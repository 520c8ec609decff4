"""The pages in a real browser: seen, clicked, without JavaScript, by keyboard, and looked through by axe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlite_utils import Database

from appliance.own_prompts import bring_into_force
from appliance.settings import Settings
from appliance.store import times, users
from appliance.store.database import open_store
from appliance.store.liveness import Alive
from appliance.store.night import night_mode
from tests.web.busy_office import busy_office, settings_of
from tests.web.chromium import ensure_chromium
from tests.web.test_prompts_page import tone
from tests.web.visiting import lamp
from webui import Server, create_app, serve

PAGES = {
    "today": "/",
    "inbox": "/inbox",
    "done": "/inbox?show=done",
    "prompts": "/prompts",
    "prompt": "/prompts/de/greeting",
    "numbers": "/numbers?period=month",
    "departments": "/departments",
    "department": "/departments/accounting",
    "new-department": "/departments/new",
    "rota": "/departments/accounting/rota",
    "ear": "/departments/accounting/ear",
    "office": "/setup/office",
    "agents": "/agents",
    "agent": "/agents/anna",
    "new-agent": "/agents/new",
    "phone": "/agents/phones/desk_1",
    "lines": "/lines",
    "people": "/people",
    "guide": "/guide",
    "manual": "/manual",
    "music": "/prompts/music/music-on-hold",
    "password": "/my-password",
    "system": "/system",
    "changes": "/system/changes",
    "backup": "/system/backup",
    "mail": "/system/mail",
    "privacy": "/system/privacy",
    "website": "/system/website",
}
LARGEST_PAGE_BYTES = 150_000
LARGEST_SHIFT = 0.1  # of the layout: what the Web Vitals call good
# What of the page and its files was loaded, and how far what one reads has jumped.
WEIGHED = """() => {
    const parts = performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'));
    const watch = new PerformanceObserver(() => {});
    watch.observe({type: 'layout-shift', buffered: true});
    const jumps = watch.takeRecords().filter((jump) => !jump.hadRecentInput);
    return [parts.reduce((sum, part) => sum + part.encodedBodySize, 0),
            jumps.reduce((sum, jump) => sum + jump.value, 0)];
}"""
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
WIDEST_WAIT_MS = 20_000


@dataclass
class Office:
    """A busy office, its page on a port, and a link that signs the admin in."""

    server: Server
    db: Database
    settings: Settings
    key: str
    wall: str

    def address(self, where: str) -> str:
        return self.server.url.rstrip("/") + where


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = ensure_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    box, settings, db = busy_office(tmp_path)
    users.set_user(db, "ada", "admin")
    expires = times.now() + timedelta(hours=1)
    with db.conn:  # nobody refreshes its lamp here: it is known to run by its lock
        db.execute("DELETE FROM lamps WHERE name = 'supervisor'")
    server = serve(create_app(settings.store, box=box))
    keys = [users.new_link(db, kind, expires, user) for kind, user in (("sign in", "ada"), ("wall", ""))]
    with Alive(settings.state):
        yield Office(server, db, settings, *keys)
    server.close()
    db.close()


def context(browser: Browser, **more: object) -> BrowserContext:
    """A window of its own; whatever goes wrong in a page's script fails the test."""
    made = browser.new_context(locale="de-DE", **{"viewport": DESK, **more})  # type: ignore[arg-type]
    made.set_default_timeout(WIDEST_WAIT_MS)
    return made


def opened(window: BrowserContext) -> Page:
    page = window.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"a script failed: {error}"))
    return page


def signed_in(office: Office, window: BrowserContext) -> Page:
    page = opened(window)
    page.goto(office.address(f"/sign-in/{office.key}"))
    page.get_by_role("button", name="Als ada anmelden").click()
    expect(page.locator("#panel")).to_be_visible(timeout=WIDEST_WAIT_MS)
    return page


@pytest.mark.parametrize("part", range(3))  # so that no one test takes long
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_every_page_is_seen_whole_and_axe_finds_nothing(
    browser: Browser, office: Office, part: int, size: dict[str, int], tmp_path: Path
) -> None:
    window = context(browser, viewport=size)
    page = signed_in(office, window)
    for name, where in list({**PAGES, "wall": f"/wall/{office.wall}"}.items())[part::3]:
        for language in ("en", "de"):
            page.goto(office.address(where + ("&" if "?" in where else "?") + f"lang={language}"))
            expect(page.locator("html")).to_have_attribute("lang", language)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= size["width"], f"{name} is wider than the screen"
            loaded, jumped = page.evaluate(WEIGHED)
            assert 1000 < loaded < LARGEST_PAGE_BYTES, f"{name} is {loaded} bytes"
            assert jumped < LARGEST_SHIFT, f"{name} jumps by {jumped}"
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                file = f"{name}-{language}-{scheme}-{size['width']}.png"
                page.screenshot(path=tmp_path / file, full_page=True)
                if language == "de":
                    found = Axe().run(page)
                    assert not found.response["violations"], f"{name} {scheme}: {found.generate_report()}"
    window.close()


def test_axe_finds_nothing_at_the_door(browser: Browser, office: Office) -> None:
    stranger = context(browser)
    page = opened(stranger)
    page.goto(office.address("/sign-in?lang=de"))
    assert not Axe().run(page).response["violations"]
    stranger.close()


def test_first_start_by_clicking_only(browser: Browser, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    db = open_store(settings.store)
    server = serve(create_app(settings.store))
    code = users.new_link(db, "first start", times.now() + timedelta(hours=1))
    window = context(browser)
    page = opened(window)
    page.goto(server.url)
    page.get_by_label("Code der Anlage").fill(code)
    page.get_by_label("Ihr Name zum Anmelden").fill("ada")
    page.get_by_label("Neues Kennwort").fill("kurz und gut")
    page.get_by_label("Noch einmal").fill("kurz und gut")
    page.get_by_role("button", name="Anlage übernehmen").click()
    expect(page.get_by_role("status").first).to_contain_text("gehört jetzt Ihnen")
    page.locator("#me summary").click()
    page.get_by_role("button", name="Abmelden").click()
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Kennwort").fill("kurz und schlecht")
    page.get_by_role("button", name="Anmelden").click()
    expect(page.get_by_role("alert")).to_have_text("Name und Kennwort passen nicht zusammen.")
    page.get_by_label("Kennwort").fill("kurz und gut")
    page.get_by_role("button", name="Anmelden").click()
    expect(page.locator("#panel")).to_be_visible()
    window.close()
    server.close()
    db.close()


def test_the_board_follows_the_store_and_a_press_reaches_it(browser: Browser, office: Office) -> None:
    window = context(browser)
    page = signed_in(office, window)
    page.get_by_role("button", name="Nacht", exact=True).click()
    deadline = times.now() + timedelta(seconds=20)
    while night_mode(office.db) != "night":
        assert times.now() < deadline
        page.wait_for_timeout(20)
    lamp(office.db, "agent:bert", "amber blinking")
    expect(page.locator("#station-bert")).to_contain_text("Lampe blinkt gelb")
    users.remove_user(office.db, "somebody")
    with office.db.conn:
        office.db.execute("DELETE FROM sessions")
    expect(page).to_have_url(office.address("/sign-in"), timeout=WIDEST_WAIT_MS)
    window.close()


def test_the_wall_counts_on(browser: Browser, office: Office) -> None:
    window = context(browser)
    page = opened(window)
    page.goto(office.address(f"/wall/{office.wall}"))
    first = page.locator("#wall-waiting .elapsed").first
    expect(first).to_have_text(re.compile(r"^(6:5|7:)"))  # minutes and seconds, not the time of day
    shown = first.inner_text()
    expect(first).not_to_have_text(shown)
    window.close()


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_the_inbox_by_clicking(browser: Browser, office: Office, script: bool) -> None:
    window = context(browser, java_script_enabled=script)
    page = signed_in(office, window)
    page.get_by_role("link", name="Eingang", exact=True).click()
    message = page.locator("#message-1")
    message.get_by_role("button", name="Heike Vogt übernehmen").click()
    expect(message).to_contain_text("ada kümmert sich darum.")
    message.get_by_text("Notiz und Verlauf").click()
    message.get_by_role("textbox").fill("Ruft morgen an")
    message.get_by_role("button", name="Notiz speichern").click()
    expect(message.locator(".note")).to_have_text("Ruft morgen an")
    message.get_by_role("button", name="Heike Vogt zurückrufen").click()
    expect(message).to_contain_text("steht unter Rückrufe")
    message.get_by_role("button", name="erledigt").click()
    expect(message).to_have_count(0)
    page.get_by_role("link", name="Erledigt").click()
    expect(page.locator("#message-1")).to_contain_text("Erledigt von ada")
    assert office.db.execute("SELECT note, done_by FROM inbox WHERE subject = 'message:1'").fetchone() == (
        "Ruft morgen an",
        "ada",
    )
    window.close()


def test_what_is_new_in_the_inbox_appears_without_a_reload(browser: Browser, office: Office) -> None:
    window = context(browser)
    page = signed_in(office, window)
    page.goto(office.address("/inbox"))

    def arrives(number: int) -> None:
        with office.db.conn:
            office.db.execute(
                "INSERT INTO messages VALUES (?, ?, 'support', '', 'Lena Frey', ?, 9.5, 'none')",
                [number, f"new.{number}", times.to_text(times.now())],
            )

    arrives(90)
    expect(page.locator("#message-90")).to_contain_text("Lena Frey", timeout=WIDEST_WAIT_MS)
    expect(page.locator("#counts")).to_contain_text("Nachrichten: 6")
    page.locator("#message-1").get_by_text("Notiz und Verlauf").click()
    page.locator("#message-1").get_by_role("textbox").fill("halb geschrieben")
    arrives(91)
    expect(page.locator("#new")).to_be_visible(timeout=WIDEST_WAIT_MS)
    expect(page.locator("#message-1").get_by_role("textbox")).to_have_value("halb geschrieben")
    page.get_by_role("link", name="Es gibt Neues").click()
    expect(page.locator("#message-91")).to_be_visible()
    window.close()


def test_a_message_is_heard_in_the_page(browser: Browser, office: Office) -> None:
    window = context(browser)
    page = signed_in(office, window)
    page.goto(office.address("/inbox?show=message"))
    seconds = page.evaluate(
        """async () => {
            const sound = document.querySelector('#message-1 audio');
            sound.muted = true;
            await sound.play();
            return sound.duration;
        }"""
    )
    assert seconds == pytest.approx(4.7, abs=0.1)
    window.close()


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_greeting_is_uploaded_and_undone(browser: Browser, office: Office, script: bool) -> None:
    bring_into_force(office.db, office.settings)
    window = context(browser, java_script_enabled=script)
    page = signed_in(office, window)
    page.goto(office.address("/prompts/de/closed"))
    file = page.get_by_label("Tondatei" if script else "WAV-Datei")
    file.set_input_files({"name": "brief.wav", "mimeType": "audio/wav", "buffer": b"Sehr geehrte Damen"})
    page.get_by_role("button", name="Aufnahme verwenden").click()
    if script:
        expect(page.locator("#undecoded")).to_contain_text("kann Ihr Browser nicht abspielen")
    else:
        expect(page.locator("#reason")).to_have_text("Das ist keine WAV-Datei. Es wurde nichts geändert.")
        page.go_back()
    file.set_input_files({"name": "zu.wav", "mimeType": "audio/wav", "buffer": tone(0.6)})
    page.get_by_role("button", name="Aufnahme verwenden").click()
    expect(page.locator("main")).to_contain_text("gespeichert, Anrufer hören noch das Alte")
    bring_into_force(office.db, office.settings)
    page.reload()
    expect(page.locator("main")).to_contain_text("eigene Aufnahme")
    page.get_by_role("button", name="Rückgängig").click()
    bring_into_force(office.db, office.settings)
    page.reload()
    expect(page.locator(".source")).to_have_text("eingebaute Stimme")
    window.close()


def test_a_prompt_is_played_by_its_button(browser: Browser, office: Office) -> None:
    window = context(browser)
    page = signed_in(office, window)
    page.goto(office.address("/prompts?of=en"))
    with page.expect_response("**/prompts/en/closed.wav") as answer:
        page.get_by_role("link", name="Our office is closed at the moment. anhören", exact=True).click()
    assert answer.value.status == 200
    expect(
        page.get_by_role("link", name="Our office is closed at the moment. anhören", exact=True)
    ).to_have_attribute("data-playing", "")
    assert page.url.endswith("/prompts?of=en")
    window.close()


def test_by_keyboard_alone(browser: Browser, office: Office) -> None:
    window = context(browser)
    page = signed_in(office, window)
    page.goto(office.address("/inbox"))
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert any(text.startswith("Nachrichten") for text in reached), "skipping leads behind the places"
    assert "Heute" not in reached
    window.close()


def test_a_screen_without_supervisor_says_so(browser: Browser, office: Office) -> None:
    window = context(browser)
    page = signed_in(office, window)
    expect(page.locator("#supervisor-down")).to_have_count(0)
    lamp(office.db, "supervisor", "green", seconds_ago=60)
    expect(page.locator("#supervisor-down")).to_be_visible()
    window.close()
