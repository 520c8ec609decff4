"""Signing in and out: passwords, sessions, links, the first start, and what slows down who guesses."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.hotline.signing_in import (
    MOST_OF_ADDRESS,
    MOST_OF_NAME_AND_ADDRESS,
    REMEMBERED,
    may_try_at,
    password_fault,
)
from appliance.store import times, users
from appliance.store.database import open_store
from tests.web.visiting import HERE, Visitor, visitor, words
from webui import create_app
from webui.texts import TEXTS

PASSWORD = "ein kurzer Satz genügt"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real ones take a tenth of a second, on purpose."""
    cheap = users.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(users, "_HASHER", cheap)
    monkeypatch.setattr(users, "_NOBODY", cheap.hash("nobody's"))


@pytest.fixture
def stranger(path: Path, db: Database) -> Visitor:
    """A browser at an office that has an admin `ada` with a password."""
    users.make_first_admin(db, "ada", PASSWORD)
    client = visitor(create_app(path))
    fetch_form(client, "/sign-in")
    return client


def fetch_form(client: Visitor, where: str) -> str:
    """Open a page, as a browser does before it sends its form."""
    page = client.get(f"{where}?lang=de").get_data(as_text=True)
    client.form_token = page.split('name="csrf_token" value="')[1].split('"')[0]
    return page


def signs_in(client: Visitor, name: str = "ada", password: str = PASSWORD, **more: str) -> tuple[int, str]:
    """The status and where it leads, or what is said."""
    data = {"name": name, "password": password, **more}
    answer = client.post("/sign-in", data=data, headers=HERE)
    if answer.status_code == 303:
        return 303, answer.headers["Location"]
    return answer.status_code, words(answer.get_data(as_text=True), "fault")


# --- name and password


def test_name_and_password_open_the_page(stranger: Visitor) -> None:
    assert stranger.get("/").headers["Location"] == "/sign-in"
    assert signs_in(stranger) == (303, "/")
    assert 'id="panel"' in stranger.get("/").get_data(as_text=True)
    cookie = stranger.get_cookie("freizeichen")
    assert cookie
    assert (cookie.http_only, cookie.same_site, cookie.secure) == (True, "Lax", False)


def test_over_https_the_cookie_stays_on_https(stranger: Visitor) -> None:
    form = {"name": "ada", "password": PASSWORD}
    headers = {"Origin": "https://localhost"}
    page = stranger.get("/sign-in", base_url="https://localhost").get_data(as_text=True)
    stranger.form_token = page.split('name="csrf_token" value="')[1].split('"')[0]
    answer = stranger.post("/sign-in", data=form, headers=headers, base_url="https://localhost")
    assert answer.status_code == 303
    assert "; Secure;" in answer.headers["Set-Cookie"]


def test_one_lands_where_one_wanted_to_go(stranger: Visitor) -> None:
    asked = stranger.get("/inbox?show=missed").headers["Location"]
    assert asked == "/sign-in?next=%2Finbox%3Fshow%3Dmissed"
    assert 'name="next" value="/inbox?show=missed"' in stranger.get(asked).get_data(as_text=True)
    assert signs_in(stranger, next="/inbox?show=missed") == (303, "/inbox?show=missed")


@pytest.mark.parametrize(
    "evil",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x",
        "",
    ],
)
def test_signing_in_leads_nowhere_else(stranger: Visitor, evil: str) -> None:
    assert signs_in(stranger, next=evil) == (303, "/")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "wrong"),
        ("nobody", PASSWORD),
        ("", ""),
        ("ada", ""),
        ("' OR 1=1 --", "x"),
        ("ada", "x" * 2000),
        ("ada\x00", PASSWORD),
    ],
)
def test_what_does_not_belong_together_is_refused_without_saying_which(
    stranger: Visitor, name: str, password: str
) -> None:
    assert signs_in(stranger, name, password) == (403, TEXTS["de"]("sign_in.wrong"))
    assert stranger.get("/").status_code == 303


def test_capitals_and_composed_letters_do_not_matter(stranger: Visitor, db: Database) -> None:
    users.set_user(db, "jürgen", "agent")
    users.set_password(db, "jürgen", "schöne Grüße daheim")
    assert signs_in(stranger, "JÜRGEN".lower().upper(), "falsch")[0] == 403
    assert signs_in(stranger, "jürgen", "scho\u0308ne Gru\u0308ße daheim") == (303, "/")


def test_a_user_without_a_password_signs_in_by_link_only(stranger: Visitor, db: Database) -> None:
    users.set_user(db, "bert", "agent")
    assert signs_in(stranger, "bert", "")[0] == 403


def test_two_hundred_guesses_are_slowed_down_and_the_right_one_among_them_opens_nothing(
    stranger: Visitor, db: Database
) -> None:
    answers = [signs_in(stranger, password=f"guess {number}") for number in range(200)]
    statuses = [status for status, _ in answers]
    assert statuses == [403] * MOST_OF_NAME_AND_ADDRESS + [429] * (200 - MOST_OF_NAME_AND_ADDRESS)
    assert answers[-1][1].startswith("Zu viele Versuche. Der nächste wird ab ")
    assert signs_in(stranger)[0] == 429
    assert signs_in(stranger, "somebody else")[0] == 403, "others may still try"
    assert db.execute("SELECT count(*) FROM failed_sign_ins").fetchone()[0] == MOST_OF_NAME_AND_ADDRESS + 1
    with db.conn:
        db.execute("UPDATE failed_sign_ins SET at = ?", [times.to_text(times.now() - REMEMBERED)])
    assert signs_in(stranger) == (303, "/")


def test_many_names_from_one_address_are_slowed_down_too(stranger: Visitor) -> None:
    statuses = [signs_in(stranger, f"name{number}", "x")[0] for number in range(MOST_OF_ADDRESS + 1)]
    assert statuses == [403] * MOST_OF_ADDRESS + [429]


def test_signing_in_forgets_what_was_mistyped(stranger: Visitor) -> None:
    for _ in range(3):
        for _ in range(MOST_OF_NAME_AND_ADDRESS - 1):
            assert signs_in(stranger, password="mistyped")[0] == 403
        assert signs_in(stranger) == (303, "/")
        stranger.post("/sign-out", data={"csrf_token": stranger.form_token}, headers=HERE)
        stranger.delete_cookie("freizeichen")
        fetch_form(stranger, "/sign-in")


def test_when_the_next_attempt_is_looked_at() -> None:
    now = times.now()
    failures = [now - timedelta(minutes=minutes) for minutes in (14, 9, 3, 2, 1)]
    assert may_try_at(failures[1:], failures[1:], failures[1:]) is None
    assert may_try_at(failures, [], []) == failures[0] + REMEMBERED
    assert may_try_at([], [now] * MOST_OF_ADDRESS, []) == now + REMEMBERED


@pytest.mark.parametrize(
    ("password", "fault"),
    [("", "short"), ("kurz", "short"), ("a" * 201, "long"), ("aaaaaaaaaaaa", "simple"),
     ("ada-ada-ada", "simple"),     ("administrator", "simple"), (PASSWORD, ""), ("Wolke 7 ist frei", "")],
)  # fmt: skip
def test_what_a_password_must_be(password: str, fault: str) -> None:
    assert password_fault(password, "administrator" if password == "administrator" else "ada") == fault


# --- sessions


def test_a_stolen_cookie_is_worth_nothing_after_signing_out(stranger: Visitor, path: Path) -> None:
    signs_in(stranger)
    stolen = stranger.get_cookie("freizeichen")
    assert stolen
    thief = visitor(create_app(path))
    thief.set_cookie("freizeichen", stolen.value)
    assert thief.get("/").status_code == 200
    fetch_form(stranger, "/people")
    assert stranger.post("/sign-out", data={}, headers=HERE).headers["Location"] == "/sign-in"
    assert thief.get("/").headers["Location"] == "/sign-in"
    assert thief.get("/board").status_code == 401


def test_a_session_ends_by_itself(client: Visitor, db: Database) -> None:
    for column, age in (("seen_at", users.IDLE_ENDS_AFTER), ("began_at", users.ENDS_AFTER)):
        assert client.get("/").status_code == 200
        with db.conn:
            db.execute(f"UPDATE sessions SET {column} = ?", [times.to_text(times.now() - age)])
        assert client.get("/").headers["Location"] == "/sign-in"
        refused = client.post("/press", data={"button": "night:night"}, headers=HERE)
        assert refused.status_code == 401
        assert words(refused.get_data(as_text=True), "reason") == TEXTS["de"]("error.401")
        assert not db.execute("SELECT 1 FROM presses").fetchone()
        client.sign_in(db, "ada")


def test_an_open_page_keeps_its_session_alive(client: Visitor, db: Database) -> None:
    with db.conn:
        db.execute("UPDATE sessions SET seen_at = ?", [times.to_text(times.now() - timedelta(hours=11))])
    client.get("/")
    seen = db.execute("SELECT seen_at FROM sessions").fetchone()[0]
    assert times.now() - times.from_text(seen) < timedelta(minutes=1)


def test_a_restart_signs_nobody_out(client: Visitor, path: Path) -> None:
    cookie = client.get_cookie("freizeichen")
    assert cookie
    again = visitor(create_app(path))
    again.set_cookie("freizeichen", cookie.value)
    assert again.get("/").status_code == 200


@pytest.mark.parametrize("cookie", ["", "x", "eyJ0b2tlbiI6IngifQ.aaaa.bbbb", '"><script>', "A" * 4000])
def test_a_made_up_cookie_opens_nothing(stranger: Visitor, cookie: str) -> None:
    stranger.set_cookie("freizeichen", cookie)
    assert stranger.get("/").headers["Location"] == "/sign-in"


def test_a_form_that_is_not_ours_is_refused(client: Visitor, db: Database) -> None:
    for token in ("", "forged"):
        client.form_token = token
        refused = client.post("/press", data={"button": "night:night", "csrf_token": token}, headers=HERE)
        assert refused.status_code == 400
        assert words(refused.get_data(as_text=True), "reason") == TEXTS["de"]("error.form")
    assert not db.execute("SELECT 1 FROM presses").fetchone()


def test_changing_the_password_signs_everybody_else_out(stranger: Visitor, db: Database, path: Path) -> None:
    signs_in(stranger)
    other = visitor(create_app(path))
    other.sign_in(db, "ada")
    fetch_form(stranger, "/my-password")
    for password, again, sentence in (
        ("kurz", "kurz", "zu kurz"),
        (PASSWORD + "!", PASSWORD + "?", "verschieden"),
    ):
        refused = stranger.post("/my-password", data={"password": password, "again": again}, headers=HERE)
        assert sentence in words(refused.get_data(as_text=True), "fault")
    assert other.get("/").status_code == 200
    changed = stranger.post(
        "/my-password", data={"password": "Neues Kennwort 7", "again": "Neues Kennwort 7"}, headers=HERE
    )
    assert changed.headers["Location"] == "/"
    assert stranger.get("/").status_code == 200
    assert other.get("/").status_code == 303


# --- links


def test_a_link_from_the_console_signs_in_once_when_it_is_followed(stranger: Visitor, db: Database) -> None:
    token = users.new_link(db, "sign in", times.now() + timedelta(minutes=5), "ada")
    for _ in range(2):
        assert "ada" in stranger.get(f"/sign-in/{token}").get_data(as_text=True)
    assert stranger.get("/").status_code == 303, "looking is not following"
    assert stranger.post(f"/sign-in/{token}", data={}, headers=HERE).headers["Location"] == "/"
    assert stranger.get("/").status_code == 200
    assert users.link_user(db, "sign in", token, times.now()) is None


@pytest.mark.parametrize("spoil", ["expired", "newer", "gone", "other kind", "followed", "password set"])
def test_a_link_that_is_not_valid_opens_nothing(stranger: Visitor, db: Database, spoil: str) -> None:
    users.set_user(db, "bert", "agent")
    expires = times.now() + timedelta(minutes=-1 if spoil == "expired" else 5)
    token = users.new_link(db, "wall" if spoil == "other kind" else "sign in", expires, "bert")
    if spoil == "newer":
        users.new_link(db, "sign in", expires, "bert")
    if spoil == "gone":
        users.remove_user(db, "bert")
    if spoil == "followed":
        assert users.use_link(db, "sign in", token, times.now()) == "bert"
    if spoil == "password set":
        users.set_password(db, "bert", PASSWORD)
    for answer in (
        stranger.get(f"/sign-in/{token}"),
        stranger.post(f"/sign-in/{token}", data={}, headers=HERE),
    ):
        assert answer.status_code == 403
        assert words(answer.get_data(as_text=True), "reason") == TEXTS["de"]("sign_in.link_gone")
    assert stranger.get("/").status_code == 303


def test_nothing_secret_lies_in_the_store(stranger: Visitor, db: Database, path: Path) -> None:
    signs_in(stranger)
    with stranger.session_transaction() as session:
        token = session["token"]
    link = users.new_link(db, "sign in", times.now() + timedelta(minutes=5), "ada")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = b"".join(file.read_bytes() for file in path.parent.glob("store.db*"))
    for secret in (PASSWORD, token, link):
        assert secret.encode() not in content


# --- the first start


@pytest.fixture
def first(path: Path) -> Visitor:
    """A browser at a box that belongs to nobody."""
    client = visitor(create_app(path))
    fetch_form(client, "/first-start")
    return client


def takes_over(
    client: Visitor, code: str, name: str = "ada", password: str = PASSWORD, again: str = PASSWORD
) -> tuple[int, str]:
    data = {"code": code, "name": name, "password": password, "again": again}
    answer = client.post("/first-start", data=data, headers=HERE)
    if answer.status_code == 303:
        return 303, answer.headers["Location"]
    page = answer.get_data(as_text=True)
    return answer.status_code, words(page, "fault" if 'id="fault"' in page else "reason")


def test_who_knows_the_code_takes_the_box_over_once(first: Visitor, path: Path) -> None:
    db = open_store(path)
    code = users.new_link(db, "first start", times.now() + timedelta(days=1))
    assert first.get("/").headers["Location"] == "/first-start"
    assert first.get("/sign-in").headers["Location"] == "/first-start"
    typed = f" {code.lower().replace('-', '')} "
    for given, sentence in (
        ({"code": "AAAA-BBBB-CCCC"}, TEXTS["de"]("first_start.wrong_code")),
        ({"code": ""}, TEXTS["de"]("first_start.wrong_code")),
        ({"code": typed, "again": "other"}, TEXTS["de"]("password.differ")),
        ({"code": typed, "password": "kurz", "again": "kurz"}, TEXTS["de"]("user_fault.short", shortest=10)),
        ({"code": typed, "name": "<script>"}, TEXTS["de"]("user_fault.name")),
        ({"code": typed, "name": ""}, TEXTS["de"]("user_fault.name")),
    ):
        assert takes_over(first, **given)[1] == sentence
        assert users.users(db) == []
    assert takes_over(first, typed) == (303, "/")
    assert first.get("/").status_code == 200
    assert [user.role for user in users.users(db)] == ["admin"]
    late = visitor(create_app(path))
    assert late.get("/first-start").headers["Location"] == "/"
    fetch_form(late, "/sign-in")
    assert takes_over(late, code, "eve") == (403, TEXTS["de"]("first_start.over"))
    assert [user.name for user in users.users(db)] == ["ada"]
    db.close()


def test_before_the_first_start_nothing_is_shown_or_done(first: Visitor, path: Path) -> None:
    for where in ("/", "/inbox", "/prompts", "/numbers", "/people", "/board", "/live", "/wall/x"):
        assert first.get(where).headers["Location"] == "/first-start"
    assert first.post("/press", data={"button": "night:night"}, headers=HERE).status_code == 401
    db = open_store(path)
    assert not db.execute("SELECT 1 FROM presses").fetchone()
    db.close()
