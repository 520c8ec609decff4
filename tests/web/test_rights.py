"""Who may do what: every address for every role, and nothing but what the table says."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlite_utils import Database

from appliance.office_page import BoxOfSettings
from appliance.store import ledger, times, users
from appliance.store.night import night_mode
from tests.web.busy_office import settings_of
from tests.web.visiting import HERE, Visitor, add_call, element, get, post, presses, visitor, words
from webui import create_app
from webui.texts import TEXTS
from webui.who_may import ADMIN, ANYBODY, OFFICE, WHO_MAY

OWN_PROMPTS = {  # an agent may open these for what he says himself only
    *("prompts.one", "prompts.upload", "prompts.record", "prompts.undo", "prompts.built_in", "prompts.speak")
}
EXAMPLES = {
    "token": "x",
    "message": 1,
    "language": "de",
    "key": "greeting",
    "filename": "board.css",
    "name": "anna",
}


@pytest.fixture
def agent(path: Path, db: Database) -> Visitor:
    """Anna's browser: she may press her own button."""
    users.set_user(db, "ada", "admin")
    client = visitor(create_app(path))
    client.sign_in(db, "anna", "agent", "anna")
    return client


def addresses(client: Visitor) -> list[tuple[str, str, str]]:
    """Every method, address and its name that the page answers to."""
    found = []
    for rule in client.application.url_map.iter_rules():
        with client.application.test_request_context():
            address = client.application.url_for(
                rule.endpoint, **{name: EXAMPLES[name] for name in rule.arguments}
            )
        found += [
            (method, address, rule.endpoint) for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
        ]
    return found


def test_every_address_is_in_the_table(client: Visitor) -> None:
    assert {endpoint for _, _, endpoint in addresses(client)} == set(WHO_MAY)


def test_what_is_open_to_strangers_and_what_only_an_admin_may() -> None:
    def those(roles: frozenset[str]) -> set[str]:
        return {endpoint for endpoint, may in WHO_MAY.items() if may == roles}

    assert those(ANYBODY) == {
        *("static", "signing_in.sign_in", "signing_in.check", "signing_in.by_link", "signing_in.follow_link"),
        *("signing_in.first_start", "signing_in.take_over", "wall.page", "wall.board", "wall.events"),
        "phone_app.settings",
        *("website.as_json", "website.badge"),
    }
    assert those(ADMIN) == {
        "prompts.add",
        *("system.page", "system.restart", "system.diagnosis", "system.reset", "system.renew"),
        *("backup.page", "backup.make", "backup.upload", "backup.restore"),
        *("mail.page", "mail.save", "mail.save_report", "mail.test"),
        *("privacy.page", "privacy.save", "privacy.forget", "website.page", "website.save"),
        *("changes.page", "changes.take_back"),
        *("people.page", "people.set_person", "people.remove", "people.wall_link"),
        *(endpoint for endpoint in WHO_MAY if endpoint.startswith(("departments.", "agents.", "setup."))),
    }
    assert those(ANYBODY) | those(ADMIN) | those(OFFICE) == set(WHO_MAY)


@pytest.mark.parametrize("role", ["", "agent", "admin"])
def test_every_role_reaches_what_the_table_says_and_nothing_else(path: Path, db: Database, role: str) -> None:
    users.set_user(db, "ada", "admin")
    client = visitor(create_app(path))
    if role:
        client.sign_in(db, "somebody", role)
    for method, address, endpoint in addresses(client):
        if endpoint in ("signing_in.sign_out", "today.events", "wall.events"):
            continue  # signs out; never ends
        headers = HERE if method == "POST" else {}
        answer = client.post(address, data={}, headers=headers) if method == "POST" else client.get(address)
        text = answer.get_data(as_text=True)
        refused = (
            answer.status_code == 401
            or answer.headers.get("Location", "").startswith("/sign-in")
            or TEXTS["de"]("error.may_not") in text
            or TEXTS["de"]("error.may_not_prompt") in text
        )
        may = role in WHO_MAY[endpoint] and (role == "admin" or endpoint not in OWN_PROMPTS)
        assert refused == (not may), (method, address, answer.status_code)
        assert answer.status_code < 500, (method, address)


def test_the_live_board_is_for_who_is_signed_in(path: Path, db: Database) -> None:
    users.set_user(db, "ada", "admin")
    assert visitor(create_app(path)).get("/live").status_code == 401


def test_an_agent_presses_his_own_button_and_the_night_switch(agent: Visitor, db: Database) -> None:
    for button in ("agent:anna", "agent:anna:home", "night:night"):
        assert post(agent, "/press", button=button).status_code == 303
    for button in ("agent:bob", "agent:bob:home", "agent:", "agent:anna:", "line:1"):
        refused = post(agent, "/press", button=button)
        assert refused.status_code == 403
        assert words(refused.get_data(as_text=True), "reason") == TEXTS["de"]("error.may_not_press")
    assert presses(db) == ["agent:anna", "agent:anna:home"]
    assert night_mode(db) == "night"


def test_an_agent_is_led_to_every_place_he_may_open_and_to_no_other(agent: Visitor) -> None:
    page = agent.get("/").get_data(as_text=True)
    places = re.findall(r'href="([^"]+)"', page.split('<nav class="places"')[1].split("</nav>")[0])
    assert places == ["/", "/inbox", "/prompts", "/numbers", "/lines"]
    assert not any(agent.get(place).status_code in (303, 401, 403) for place in places)


def test_an_agent_sees_which_buttons_are_not_his(agent: Visitor) -> None:
    page = get(agent)
    assert "disabled" not in element(page, "station-anna").attributes
    assert "disabled" in element(page, "station-bob").attributes
    assert "/people" not in page


def test_who_has_no_button_presses_none(path: Path, db: Database) -> None:
    users.set_user(db, "ada", "admin")
    client = visitor(create_app(path))
    client.sign_in(db, "reader", "agent")
    assert post(client, "/press", button="agent:").status_code == 403
    assert post(client, "/press", button="agent:anna").status_code == 403


# --- people


def test_an_admin_lets_somebody_in_who_then_sets_his_password(
    client: Visitor, db: Database, path: Path
) -> None:
    page = post(client, "/people", name="Bob", role="agent", agent="bob", link="1").get_data(as_text=True)
    link = page.split('id="made-link" value="')[1].split('"')[0]
    assert link.startswith("http://localhost/sign-in/")
    bob = visitor(create_app(path))
    opened = bob.get(link.removeprefix("http://localhost")).get_data(as_text=True)
    bob.form_token = opened.split('name="csrf_token" value="')[1].split('"')[0]
    assert post(bob, link.removeprefix("http://localhost")).status_code == 303
    assert get(bob)
    assert users.user(db, "bob") == users.User("Bob", "agent", "bob")


@pytest.mark.parametrize(
    ("form", "sentence"),
    [({"name": "", "role": "agent"}, "name"), ({"name": "two words", "role": "agent"}, "name"),
     ({"name": "<b>", "role": "agent"}, "name"), ({"name": "x" * 41, "role": "agent"}, "name"),
     ({"name": "eve", "role": "root"}, "role"), ({"name": "eve"}, "role"),
     ({"name": "eve", "role": "agent", "agent": "nobody"}, "agent"),
     ({"name": "ada", "role": "agent"}, "last admin")],
)  # fmt: skip
def test_a_user_who_cannot_be_is_refused(
    client: Visitor, db: Database, form: dict[str, str], sentence: str
) -> None:
    refused = post(client, "/people", **form)
    assert refused.status_code == 400
    assert words(refused.get_data(as_text=True), "fault") == TEXTS["de"](f"user_fault.{sentence}")
    assert users.users(db) == [users.User("ada", "admin", "")]


def test_who_is_removed_is_signed_out_at_once(client: Visitor, db: Database, path: Path) -> None:
    bob = visitor(create_app(path))
    bob.sign_in(db, "bob", "agent")
    assert get(bob)
    assert post(client, "/people/remove", name="BOB").status_code == 303
    assert bob.get("/").headers["Location"] == "/sign-in"
    assert post(client, "/people/remove", name="bob").status_code == 400
    assert post(client, "/people/remove", name="ada").status_code == 400
    assert users.users(db) == [users.User("ada", "admin", "")]


# --- the wall


def test_the_wall_opens_by_its_link_until_that_is_withdrawn(
    client: Visitor, path: Path, db: Database
) -> None:
    page = post(client, "/people/wall", make="1").get_data(as_text=True)
    link = page.split('id="made-wall" href="')[1].split('"')[0].removeprefix("http://localhost")
    wall = visitor(create_app(path))
    for where in (link, f"{link}/board"):
        text = wall.get(where).get_data(as_text=True)
        assert "Anna Beck" in words(text, "wall-agents")
        assert "Empfang" in words(text, "wall-departments")
    assert wall.get("/").status_code == 303, "it opens nothing else"
    assert post(wall, "/press", button="night:night").status_code in (400, 401)
    assert presses(db) == []
    assert post(client, "/people/wall", withdraw="1").status_code == 303
    for where in (link, f"{link}/board", f"{link}/live"):
        refused = wall.get(where)
        assert refused.status_code == 403
        assert words(refused.get_data(as_text=True), "reason") == TEXTS["de"]("wall.link_gone")


def test_the_wall_tells_who_waits_but_not_who_it_is(client: Visitor, db: Database) -> None:
    token = users.new_link(db, "wall", times.now() + timedelta(days=1))
    add_call(db, "c1", caller_name="Frau Kühn", caller="+4917612345678")
    ledger.add_step(db, "c1", "waits", "", times.now())
    add_call(db, "c2", caller_name="Herr Groß", caller="+4917612345679")
    ledger.add_step(db, "c2", "talks", "anna", times.now())
    page = client.get(f"/wall/{token}?lang=de").get_data(as_text=True)
    assert words(page, "wall-waiting").startswith("Es warten 1 Empfang noch etwa 3 min")
    assert "im Gespräch" in words(page, "wall-agents")
    for secret in ("Kühn", "Groß", "12345678", "12345679"):
        assert secret not in page


# --- anything at all


NASTY = (
    *("", "0", "-1", "1", "9" * 400, "1e9", "\x00", "\ud7ff", "ä" * 300, "' OR 1=1 --"),
    *("<script>alert(1)</script>", "../../etc/passwd", "{{ 7*7 }}", "%s%n", "\r\nX: y", "agent:anna"),
    *("message:1", "callback:1", "greeting"),
    *("support", "desk_1", "anna", "08:00-12:00", "2026-12-24", "0931 55510"),
    *("2026-02-30", "9999-12-31", "0001-01-01", "week", "de", "admin", "//evil.example", "\u202e"),
)
FIELDS = (
    *("button", "call", "callback", "number", "subject", "act", "note", "back", "name", "role", "agent"),
    *(
        "link",
        "password",
        "again",
        "code",
        "next",
        "seen",
        "show",
        "department",
        "mine",
        "page",
        "of",
        "search",
    ),
    *("search", "period", "until", "lang", "withdraw", "download", "new", "file"),
    *("title", "numbers", "extension", "departments", "languages", "choices", "mon", "always_open"),
    *("special_first", "special_last", "special_times", "menu_1", "ring_seconds", "ticket_digits"),
    *("duty_name", "duty_contacts", "weeks", "first_week", "date_first", "date_duty", "serial"),
    *("block_number", "block_department", "callback_countries", "address_phone", "blind_key", "text"),
    *("phone", "kind", "extra_prompts", "callback_confirmation", "attended_key"),
    *("office_name", "mail_host", "mail_port", "person", "hours"),
    *("change", "before", "part", "word", "host", "port", "security", "user", "sender", "seen", "recipient"),
    *("report_mailbox", "report_weekday", "mailbox", "retention_days", "public_status"),
)


@pytest.mark.parametrize("role", ["", "agent", "admin"])
def test_whatever_is_sent_is_answered_in_words(path: Path, db: Database, role: str) -> None:
    """Three hundred odd requests to every kind of address: none breaks the page, none lets anybody in."""
    dice = random.Random(role)
    users.set_user(db, "ada", "admin")
    box = BoxOfSettings(settings_of(path.parent / "box"))
    client = visitor(create_app(path, box=box))
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    rules = [rule for rule in client.application.url_map.iter_rules() if not rule.endpoint.endswith("events")]
    for _ in range(300):
        if role:  # an earlier request may have signed out, or changed the password
            client.sign_in(db, "somebody", role)
        rule = dice.choice(rules)
        method = dice.choice(sorted((rule.methods or set()) - {"OPTIONS"}))
        where = re.sub(r"<[^>]+>", lambda _: quote(dice.choice(NASTY), safe=""), rule.rule)
        odd = {dice.choice(FIELDS): dice.choice(NASTY) for _ in range(4)}
        if method == "POST":
            answer = client.post(where, data=odd, headers=HERE)
        else:
            answer = client.open(where, method=method, query_string=odd)
        assert answer.status_code < 500, (method, where, odd)
        assert b"<script>alert" not in answer.get_data()
        led_to = answer.headers.get("Location", "").removeprefix("http://localhost/")
        assert not led_to.startswith(("//", "http"))
    assert role == "admin" or {user.name for user in users.users(db)} <= {"ada", "somebody"}
