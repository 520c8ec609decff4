"""The office's own recordings of prompts: set, undone, and brought into force by the supervisor.

Every change is a row; the newest one counts. A row without sound means: the built-in voice again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from appliance.store.changes import Author, Difference, note
from appliance.store.database import exclusive
from appliance.store.times import to_text

KEPT_VERSIONS = 3
_NOT_FREE = "agent-not-free-"  # as the view own_words has it


@dataclass(frozen=True, slots=True)
class OwnPrompt:
    """The newest change of one prompt in one language. `versions` counts those kept, this one included.

    `text` is what the built-in voice has read for it, '' for a recording or the catalogue's own sentence.
    """

    id: int
    prompt: str
    language: str
    has_sound: bool
    set_by: str
    set_at: str
    in_force_at: str
    versions: int
    text: str = ""


def newest(db: Database) -> dict[tuple[str, str], OwnPrompt]:
    """The newest change of every prompt that was ever changed, by key and language."""
    rows = db.query("""
        SELECT id, prompt, language, sound NOT NULL AS has_sound, set_by, set_at, in_force_at, text,
          (SELECT count(*) FROM own_prompts AS all_of WHERE all_of.prompt = o.prompt
             AND all_of.language = o.language) AS versions
        FROM own_prompts AS o WHERE id = (SELECT max(id) FROM own_prompts AS later
          WHERE later.prompt = o.prompt AND later.language = o.language)""")
    return {
        (row["prompt"], row["language"]): OwnPrompt(**row | {"has_sound": bool(row["has_sound"])})
        for row in rows
    }


def hush_the_removed(db: Database, by: Author, now: datetime) -> None:
    """Commit that nobody hears what an agent says himself who is no agent any more."""
    agents = {f"{_NOT_FREE}{name}" for (name,) in db.execute("SELECT name FROM agents").fetchall()}
    for (prompt, language), own in newest(db).items():
        if prompt.startswith(_NOT_FREE) and prompt not in agents and own.has_sound:
            set_sound(db, prompt, language, None, by, now)


def set_sound(
    db: Database,
    prompt: str,
    language: str,
    sound: bytes | None,
    by: Author,
    now: datetime,
    *,
    text: str = "",
) -> None:
    """Commit a recording (8000 samples a second, 16 bit, little end first), None for the built-in voice.

    With `text` it is the built-in voice that reads this.
    """
    with exclusive(db):
        before = _heard(db, prompt, language)
        row = db.execute(
            "INSERT INTO own_prompts (prompt, language, sound, text, set_by, set_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [prompt, language, sound, text, by.name, to_text(now)],
        ).lastrowid
        db.execute(
            "DELETE FROM own_prompts WHERE prompt = ?1 AND language = ?2 AND id NOT IN "
            "(SELECT id FROM own_prompts WHERE prompt = ?1 AND language = ?2 ORDER BY id DESC LIMIT ?3)",
            [prompt, language, KEPT_VERSIONS],
        )
        _note(db, prompt, language, before, by, reference=row or 0)


def undo(
    db: Database, prompt: str, language: str, newest_seen: int, by: Author, *, undoes: int | None = None
) -> bool:
    """Go back to what was before the newest change; False when that is not the one that was seen any more."""
    with exclusive(db):
        before = _heard(db, prompt, language)
        row = db.execute(
            "SELECT max(id) FROM own_prompts WHERE prompt = ? AND language = ?", [prompt, language]
        ).fetchone()
        if row[0] is None or row[0] != newest_seen:
            return False
        db.execute("DELETE FROM own_prompts WHERE id = ?", [newest_seen])
        left = db.execute(
            "UPDATE own_prompts SET in_force_at = '' WHERE prompt = ?1 AND language = ?2 AND id = "
            "(SELECT max(id) FROM own_prompts WHERE prompt = ?1 AND language = ?2)",
            [prompt, language],
        ).rowcount
        if not left:  # the supervisor must hear of it, too
            db.execute(
                "INSERT INTO own_prompts (prompt, language, set_by, set_at) "
                "VALUES (?, ?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
                [prompt, language, by.name],
            )
        if undoes is None:
            undoes = _change_of(db, newest_seen)
        _note(db, prompt, language, before, by, undoes=undoes)
    return True


def _heard(db: Database, prompt: str, language: str) -> str:
    return "built in" if sound(db, prompt, language) is None else "own"


def _change_of(db: Database, row: int) -> int | None:
    found = db.execute(
        "SELECT max(id) FROM changes WHERE subject LIKE 'prompt:%' AND reference = ?", [row]
    ).fetchone()
    return found[0] if found else None


def _note(
    db: Database,
    prompt: str,
    language: str,
    before: str,
    by: Author,
    *,
    reference: int = 0,
    undoes: int | None = None,
) -> None:
    heard = Difference(("prompt", language, prompt), before, _heard(db, prompt, language))
    note(db, by, f"prompt:{language}:{prompt}", [heard], reference=reference, undoes=undoes)


def sound(db: Database, prompt: str, language: str) -> bytes | None:
    """The samples of the newest recording, None when the built-in voice is wanted."""
    row = db.execute(
        "SELECT sound FROM own_prompts WHERE prompt = ? AND language = ? ORDER BY id DESC LIMIT 1",
        [prompt, language],
    ).fetchone()
    return row[0] if row else None


def key_of_agent(agent: str) -> str:
    """The prompt with which an agent says himself that he is not free."""
    return _NOT_FREE + agent


def agent_of(prompt: str) -> str:
    """Whose prompt this is; '' for one of the office."""
    return prompt.removeprefix(_NOT_FREE) if prompt.startswith(_NOT_FREE) else ""


def words_of(db: Database, agent: str, language: str) -> str:
    """The prompt in force with which this agent says that he is not free; '' when there is none."""
    row = db.execute("SELECT prompt FROM own_words WHERE entry = ?", [f"{agent}/{language}"]).fetchone()
    return str(row[0]) if row else ""


def not_in_force(db: Database) -> list[OwnPrompt]:
    """The newest changes that the supervisor has not brought to Asterisk yet."""
    return [own for own in newest(db).values() if not own.in_force_at]


def note_in_force(db: Database, ids: list[int], now: datetime) -> None:
    """Commit that callers hear these from now on."""
    with exclusive(db):
        for number in ids:
            db.execute("UPDATE own_prompts SET in_force_at = ? WHERE id = ?", [to_text(now), number])
