"""Two places for the firmware, `a` and `b`: one runs, the other takes an update, which has to prove itself.

`slot` names the confirmed one. An update leaves `trial`, which the next start turns into `trying`. Only
firmware that has heard the appliance confirms itself; `trying` found at a start means it never did. Every
file that decides appears by being renamed, so a power cut leaves either the old or the new.
"""

import os


def choose(root: str) -> str:
    """At every start: the slot to run, `a` or `b`."""
    trial = _read(root + "trial")
    if trial in ("a", "b"):
        os.rename(root + "trial", root + "trying")
        return trial
    forget(root + "trying")
    slot = _read(root + "slot")
    return slot if slot in ("a", "b") else "a"


def on_trial(root: str) -> bool:
    """After `choose`: whether what runs has yet to prove itself."""
    return bool(_read(root + "trying"))


def confirm(root: str) -> None:
    """The firmware that is being tried works: it is the one from now on."""
    trying = _read(root + "trying")
    if trying:
        _write(root, "slot", trying)
        forget(root + "trying")


def propose(root: str, slot: str) -> None:
    """Try this slot at the next start."""
    _write(root, "trial", slot)


def digest(root: str, slot: str) -> str:
    """The digest of the bundle in this slot as hexadecimal, or an empty text."""
    return _read(root + slot + "/digest")


def forget(path: str) -> None:
    """Remove a file, if it is there."""
    try:
        os.remove(path)
    except OSError:
        return


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""


def _write(root: str, name: str, text: str) -> None:
    with open(root + name + ".new", "w") as file:
        file.write(text)
    os.rename(root + name + ".new", root + name)
