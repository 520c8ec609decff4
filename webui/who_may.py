"""Who may do what on the page: one table of every address, and the rules for buttons and own prompts.

See `appliance/decisions/0014-who-may-do-what-on-the-page.md`.
"""

from __future__ import annotations

from typing import Final

from appliance.store.users import User

ANYBODY: Final = frozenset({"", "agent", "admin"})
OFFICE: Final = frozenset({"agent", "admin"})
ADMIN: Final = frozenset({"admin"})

# By Flask's name of the address. One that is not named here may be opened by nobody.
WHO_MAY: Final = {
    "static": ANYBODY,
    "signing_in.sign_in": ANYBODY,
    "signing_in.check": ANYBODY,
    "signing_in.by_link": ANYBODY,
    "signing_in.follow_link": ANYBODY,
    "signing_in.first_start": ANYBODY,
    "signing_in.take_over": ANYBODY,
    "signing_in.sign_out": OFFICE,
    "signing_in.my_password": OFFICE,
    "signing_in.change_my_password": OFFICE,
    "wall.page": ANYBODY,  # whoever has the link, which the page looks at
    "wall.board": ANYBODY,
    "wall.events": ANYBODY,
    "today.page": OFFICE,
    "today.board": OFFICE,
    "today.events": OFFICE,
    "today.press": OFFICE,  # and `may_press`
    "today.call_back": OFFICE,
    "today.cancel": OFFICE,
    "today.call": OFFICE,
    "inbox.page": OFFICE,
    "inbox.newest": OFFICE,
    "inbox.sound": OFFICE,
    "inbox.act": OFFICE,
    "departments.page": ADMIN,
    "departments.new": ADMIN,
    "departments.add": ADMIN,
    "departments.one": ADMIN,
    "departments.change": ADMIN,
    "departments.remove": ADMIN,
    "departments.rota": ADMIN,
    "departments.change_rota": ADMIN,
    "departments.ear": ADMIN,
    "agents.page": ADMIN,
    "agents.new": ADMIN,
    "agents.add": ADMIN,
    "agents.one": ADMIN,
    "agents.change": ADMIN,
    "agents.remove": ADMIN,
    "agents.add_phone": ADMIN,
    "agents.phone": ADMIN,
    "agents.code": ADMIN,
    "agents.change_secret": ADMIN,
    "agents.remove_phone": ADMIN,
    "agents.pair": ADMIN,
    "agents.unpair": ADMIN,
    "phone_app.settings": ANYBODY,  # whoever has read the code, which the page looks at
    "lines.page": OFFICE,
    "setup.page": ADMIN,
    "setup.answer": ADMIN,
    "setup.office": ADMIN,
    "setup.change_office": ADMIN,
    "prompts.page": OFFICE,
    "prompts.sound": OFFICE,
    "prompts.one": OFFICE,  # and `may_change_prompt`
    "prompts.upload": OFFICE,  # and `may_change_prompt`
    "prompts.add": ADMIN,
    "prompts.record": OFFICE,  # and `may_change_prompt`
    "prompts.speak": OFFICE,  # and `may_change_prompt`
    "prompts.undo": OFFICE,  # and `may_change_prompt`
    "prompts.built_in": OFFICE,  # and `may_change_prompt`
    "numbers.page": OFFICE,
    "numbers.table": OFFICE,
    "system.page": ADMIN,
    "system.restart": ADMIN,
    "system.diagnosis": ADMIN,
    "system.reset": ADMIN,
    "system.renew": ADMIN,
    "backup.page": ADMIN,
    "backup.make": ADMIN,
    "backup.upload": ADMIN,
    "backup.restore": ADMIN,
    "mail.page": ADMIN,
    "mail.save": ADMIN,
    "mail.save_report": ADMIN,
    "mail.test": ADMIN,
    "privacy.page": ADMIN,
    "privacy.save": ADMIN,
    "privacy.forget": ADMIN,
    "website.page": ADMIN,
    "website.save": ADMIN,
    "website.as_json": ANYBODY,  # which tells nothing unless the office has switched it on
    "website.badge": ANYBODY,
    "changes.page": ADMIN,
    "changes.take_back": ADMIN,
    "guide.page": OFFICE,
    "manual.page": OFFICE,
    "people.page": ADMIN,
    "people.set_person": ADMIN,
    "people.remove": ADMIN,
    "people.wall_link": ADMIN,
}


def may_open(user: User | None, endpoint: str) -> bool:
    """Whether this user (None: nobody is signed in) may open an address."""
    return (user.role if user else "") in WHO_MAY.get(endpoint, frozenset())


def may_press(user: User, button: str) -> bool:
    """Whether this user may press a button of the panel: an admin all, an agent his own and the office's."""
    kind, _, name = button.removesuffix(":home").partition(":")
    return (
        user.role == "admin"
        or kind in ("night", "address")
        or (kind == "agent" and bool(user.agent) and name == user.agent)
    )


def may_change_prompt(user: User, agent: str) -> bool:
    """Whether this user may change a prompt, which is this agent's own ('': the office's)."""
    return user.role == "admin" or (bool(user.agent) and user.agent == agent)
