"""Who may sign in to the page: users, passwords, sessions, links, and the failures that slow it down."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlite_utils import Database

from appliance.hotline.signing_in import LONGEST_PASSWORD, REMEMBERED, may_try_at, password_fault
from appliance.store.changes import BY_COMMAND, SECRET, Author, Difference, by_page, note
from appliance.store.database import exclusive
from appliance.store.times import from_text, to_text

ROLES = ("admin", "agent")
IDLE_ENDS_AFTER = timedelta(hours=12)
ENDS_AFTER = timedelta(days=7)
_SEEN_EVERY = timedelta(minutes=5)  # an open page would otherwise write once a second
_NAME = re.compile(r"[\w.@-]{1,40}")
_SHORTEST_CODE = 8  # letters and digits

# RFC 9106, second recommendation, with less memory: 19 MiB and 2 passes (OWASP) take 0.1 s on a Pi.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_NOBODY = _HASHER.hash(secrets.token_hex())  # an unknown name takes as long as a wrong password


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in. `agent` is whose button he may press, '' for none."""

    name: str
    role: str
    agent: str


class UserError(ValueError):
    """A user cannot be made or changed so; `reason` is a word for it: name, taken, role, agent, last admin,
    or a fault of the password."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TryLater(Exception):
    """Too many failures; the password was not looked at."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self.at = at


def users(db: Database) -> list[User]:
    """Everybody, by name."""
    return [User(**row) for row in db.query("SELECT name, role, agent FROM users ORDER BY name")]


def user(db: Database, name: str) -> User | None:
    """The user of this name, whatever its capitals."""
    return next(
        (User(**row) for row in db.query("SELECT name, role, agent FROM users WHERE name = ?", [name])), None
    )


def set_user(
    db: Database,
    name: str,
    role: str,
    agent: str = "",
    by: Author = BY_COMMAND,
    *,
    undoes: int | None = None,
) -> User:
    """Make a user, or change the role of one. Raises UserError; there is always an admin left.

    What differs is noted as a change of `by`, which undoes the change `undoes`.
    """
    name = unicodedata.normalize("NFC", name.strip())
    if not _NAME.fullmatch(name):
        raise UserError("name")
    if role not in ROLES:
        raise UserError("role")
    with exclusive(db):
        if agent and not db.execute("SELECT 1 FROM agents WHERE name = ?", [agent]).fetchone():
            raise UserError("agent")
        if role != "admin":
            _keep_an_admin(db, name)
        before = user(db, name)
        db.execute(
            "INSERT INTO users (name, role, agent) VALUES (?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET role = excluded.role, agent = excluded.agent",
            [name, role, agent],
        )
        _note_differences(db, before, User(before.name if before else name, role, agent), by, undoes)
    return User(name, role, agent)


def _note_differences(db: Database, before: User | None, after: User, by: Author, undoes: int | None) -> None:
    path = ("user", after.name)
    if before is None:
        differences = [Difference(path, None, {"role": after.role, "agent": after.agent})]
    else:
        both = {"role": (before.role, after.role), "agent": (before.agent, after.agent)}
        differences = [Difference((*path, key), *pair) for key, pair in both.items() if len(set(pair)) == 2]
    if differences:
        note(db, by, f"user:{after.name}", differences, undoes=undoes)


def make_first_admin(db: Database, name: str, password: str) -> None:
    """Make the first admin with his password. Raises UserError, 'taken' when there is one already."""
    with exclusive(db):
        if not first_start(db):
            raise UserError("taken")
        by = by_page(name)
        set_password(db, set_user(db, name, "admin", by=by).name, password, by)


def remove_user(db: Database, name: str, by: Author = BY_COMMAND, *, undoes: int | None = None) -> None:
    """Remove a user with all sessions. Raises UserError for the last admin; nobody is no error."""
    with exclusive(db):
        _keep_an_admin(db, name)
        if before := user(db, name):
            gone = Difference(("user", before.name), {"role": before.role, "agent": before.agent}, None)
            note(db, by, f"user:{before.name}", [gone], undoes=undoes)
        db.execute("DELETE FROM users WHERE name = ?", [name])
        db.execute("DELETE FROM links WHERE user = ? COLLATE NOCASE AND kind = 'sign in'", [name])


def _keep_an_admin(db: Database, without: str) -> None:
    row = db.execute(
        "SELECT (SELECT role FROM users WHERE name = ?1) = 'admin' AND NOT EXISTS "
        "(SELECT 1 FROM users WHERE role = 'admin' AND name <> ?1 COLLATE NOCASE)",
        [without],
    ).fetchone()
    if row[0]:
        raise UserError("last admin")


def set_password(db: Database, name: str, password: str, by: Author = BY_COMMAND) -> None:
    """Set a password; sessions and links from before it let nobody in. Raises UserError or LookupError."""
    password = unicodedata.normalize("NFC", password)
    if fault := password_fault(password, name):
        raise UserError(fault)
    digest = _HASHER.hash(password)
    with exclusive(db):
        if not db.execute("UPDATE users SET password = ? WHERE name = ?", [digest, name]).rowcount:
            raise LookupError(name)
        note(db, by, f"user:{name}", [Difference(("user", name, "password"), SECRET, SECRET)])
        db.execute("DELETE FROM sessions WHERE user = ?", [name])
        db.execute("DELETE FROM links WHERE user = ? COLLATE NOCASE AND kind = 'sign in'", [name])
        db.execute("DELETE FROM failed_sign_ins WHERE name = ?", [_folded(name)])


def check_password(db: Database, name: str, password: str, address: str, now: datetime) -> User | None:
    """The user if name and password belong together; None when they do not, which is remembered.

    Raises TryLater after too many failures, without looking.
    """
    key = _folded(name)
    with exclusive(db):  # the attempt counts before it is looked at, so that many at once count, too
        db.execute("DELETE FROM failed_sign_ins WHERE at <= ?", [to_text(now - REMEMBERED)])
        rows = db.execute("SELECT name, address, at FROM failed_sign_ins ORDER BY id").fetchall()
        later = may_try_at(
            [from_text(at) for n, a, at in rows if (n, a) == (key, address)],
            [from_text(at) for _, a, at in rows if a == address],
            [from_text(at) for n, _, at in rows if n == key],
        )
        if later is not None and later > now:
            raise TryLater(later)
        attempt = db.execute(
            "INSERT INTO failed_sign_ins (name, address, at) VALUES (?, ?, ?)", [key, address, to_text(now)]
        ).lastrowid
    row = db.execute("SELECT password FROM users WHERE name = ?", [name.strip()]).fetchone()
    try:
        _HASHER.verify(
            row[0] if row and row[0] else _NOBODY,
            unicodedata.normalize("NFC", password[: LONGEST_PASSWORD + 1]),
        )
    except (VerificationError, InvalidHashError):
        return None
    with exclusive(db):
        db.execute(
            "DELETE FROM failed_sign_ins WHERE id = ? OR (name = ? AND address = ?)", [attempt, key, address]
        )
    return user(db, name.strip())


def begin_session(db: Database, name: str, now: datetime) -> str:
    """Sign a user in; returns the session's secret, of which only a digest is kept."""
    token = secrets.token_urlsafe(32)
    with exclusive(db):
        _forget_ended(db, now)
        db.execute(
            "INSERT INTO sessions (digest, user, began_at, seen_at) VALUES (?1, ?2, ?3, ?3)",
            [_digest(token), name, to_text(now)],
        )
    return token


def session_user(db: Database, token: str, now: datetime) -> User | None:
    """Who is signed in by this secret; None when nobody is any more."""
    row = next(
        db.query(
            "SELECT u.name, u.role, u.agent, s.seen_at FROM sessions AS s JOIN users AS u ON u.name = s.user "
            "WHERE s.digest = ? AND s.began_at > ? AND s.seen_at > ?",
            [_digest(token), to_text(now - ENDS_AFTER), to_text(now - IDLE_ENDS_AFTER)],
        ),
        None,
    )
    if row is None:
        return None
    if row["seen_at"] < to_text(now - _SEEN_EVERY):
        with exclusive(db):
            db.execute("UPDATE sessions SET seen_at = ? WHERE digest = ?", [to_text(now), _digest(token)])
    return User(row["name"], row["role"], row["agent"])


def end_session(db: Database, token: str) -> None:
    """Sign out: the secret is worth nothing from now on, whoever has a copy."""
    with exclusive(db):
        db.execute("DELETE FROM sessions WHERE digest = ?", [_digest(token)])


def new_link(db: Database, kind: str, expires_at: datetime, user: str = "", chosen: str = "") -> str:
    """The secret of a new link: 'sign in', 'first start', 'wall' or 'phone'.

    Older ones of the kind and user end. `chosen` is the code somebody has thought up for the first start; one
    of fewer than 8 letters and digits is not taken, and one of ours is made.
    """
    code = read_code(chosen)
    if len(code.replace("-", "")) < _SHORTEST_CODE:
        code = _typed_code()
    token = code if kind == "first start" else secrets.token_urlsafe(24)
    with exclusive(db):
        db.execute("DELETE FROM links WHERE kind = ? AND user = ?", [kind, user])
        db.execute(
            "INSERT INTO links (digest, kind, user, expires_at) VALUES (?, ?, ?, ?)",
            [_digest(token), kind, user, to_text(expires_at)],
        )
    return token


def link_user(db: Database, kind: str, token: str, now: datetime) -> str | None:
    """For whom a link is, '' for nobody in particular; None when there is no such link (any more)."""
    row = db.execute(
        "SELECT user FROM links WHERE digest = ? AND kind = ? AND expires_at > ?",
        [_digest(token), kind, to_text(now)],
    ).fetchone()
    return None if row is None else str(row[0])


def use_link(db: Database, kind: str, token: str, now: datetime) -> str | None:
    """For whom a link is, as in `link_user`; it opens nothing after this."""
    with exclusive(db):
        name = link_user(db, kind, token, now)
        db.execute("DELETE FROM links WHERE digest = ? AND kind = ?", [_digest(token), kind])
    return name


def read_code(typed: str) -> str:
    """A code for the first start as it was made, however somebody typed it."""
    plain = "".join(character for character in typed.upper() if character.isalnum())
    return "-".join(plain[at : at + 4] for at in range(0, len(plain), 4))


def end_links(db: Database, kind: str, user: str = "") -> None:
    """Let no link of this kind for this user open anything any more."""
    with exclusive(db):
        db.execute("DELETE FROM links WHERE kind = ? AND user = ?", [kind, user])


def has_link(db: Database, kind: str, now: datetime) -> bool:
    """Whether there is a link of this kind that opens something."""
    row = db.execute("SELECT 1 FROM links WHERE kind = ? AND expires_at > ?", [kind, to_text(now)]).fetchone()
    return row is not None


def first_start(db: Database) -> bool:
    """Whether nobody has taken this box over yet: there is no admin who could sign in."""
    return db.execute("SELECT 1 FROM users WHERE role = 'admin' LIMIT 1").fetchone() is None


def page_secret(db: Database) -> str:
    """What the page signs its cookies with; made once, so that a restart signs nobody out."""
    with exclusive(db):
        db.execute(
            "INSERT INTO page (id, secret) VALUES (1, ?) ON CONFLICT DO NOTHING", [secrets.token_hex(32)]
        )
        return str(db.execute("SELECT secret FROM page").fetchone()[0])


def _forget_ended(db: Database, now: datetime) -> None:
    db.execute(
        "DELETE FROM sessions WHERE began_at <= ? OR seen_at <= ?",
        [to_text(now - ENDS_AFTER), to_text(now - IDLE_ENDS_AFTER)],
    )
    db.execute("DELETE FROM links WHERE expires_at <= ?", [to_text(now)])


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip()).casefold()[:100]


def _typed_code() -> str:
    """Twelve characters that nobody confuses when reading them aloud: 58 bits."""
    return read_code("".join(secrets.choice("ABCDEFGHKMNPQRSTUVWXYZ2345679") for _ in range(12)))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
