"""The firmware this appliance brings along, as one bundle that a box can take over."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "firmware"
_MAGIC = b"FZB1"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of `deskbox` in one piece."""

    content: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256."""
        return hashlib.sha256(self.content).digest()

    @property
    def name(self) -> str:
        """What a box calls it: the first half of the digest's first half, as hexadecimal."""
        return self.digest[:8].hex()


def make_bundle(sources: Path = SOURCES) -> Bundle:
    """Read the firmware's files. Raises OSError when there are none."""
    files = sorted((sources / "deskbox").glob("*.py"))
    if not files:
        raise FileNotFoundError(f"no firmware in {sources}")
    content = _MAGIC
    for file in files:
        text = file.read_bytes()
        content += bytes((len(file.name),)) + file.name.encode() + len(text).to_bytes(4, "little") + text
    return Bundle(content)


def install(folder: Path, sources: Path = SOURCES) -> None:
    """Make `folder`, with what belongs on a new box's disk and the firmware in slot `a`.

    Raises FileExistsError when it is there already.
    """
    bundle = make_bundle(sources)
    folder.mkdir(parents=True)
    slot = folder / "a"
    (slot / "deskbox").mkdir(parents=True)
    for file in (sources / "deskbox").glob("*.py"):
        (slot / "deskbox" / file.name).write_bytes(file.read_bytes())
    (slot / "digest").write_text(bundle.digest.hex())
    for name in ("main.py", "slots.py"):
        (folder / name).write_bytes((sources / name).read_bytes())
