"""The update file that goes with an image, and the key it is signed with."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from appliance.store.migrations import migrations
from appliance.updating.update_file import NAMESPACE, SIGNER, manifest_of, write_update
from card.boot_files import boards_of
from card.packages import Tools

KEY_VARIABLE = "FREIZEICHEN_UPDATE_KEY"


@dataclass(frozen=True, slots=True)
class Content:
    """What an update brings: a slot's file system and its folder of the boot partition, at a time."""

    version: str
    system: Path
    start: Mapping[str, bytes]
    epoch: int


def signing_key(tools: Tools) -> Path:
    """The Ed25519 key of updates: the file FREIZEICHEN_UPDATE_KEY names, else one of this user's, made once.

    Boxes take only updates signed with the key their image was made with: keep it, and keep it secret.
    """
    given = os.environ.get(KEY_VARIABLE)
    key = Path(given) if given else Path.home() / ".config/freizeichen/update-key"
    if not key.exists():
        key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        tools.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "freizeichen updates", "-f", key)
    return key


def signers(key: Path, tools: Tools) -> str:
    """What lies on the box: whose signature is taken, and for what."""
    kind, public, *_ = tools.run("ssh-keygen", "-y", "-f", key).split()
    return f'{SIGNER} namespaces="{NAMESPACE}" {kind} {public}\n'


def write_update_file(target: Path, content: Content, key: Path, work: Path, tools: Tools) -> None:
    """Write the signed update; the same bytes from the same content and key."""
    parts = [work / "update/system", work / "update/start"]
    parts[0].parent.mkdir(exist_ok=True)
    parts[0].unlink(missing_ok=True)
    os.link(content.system, parts[0])
    parts[1].write_bytes(start_archive(content.start, content.epoch))
    steps = [step.name for step in migrations.pending(Database(memory=True))]
    manifest = manifest_of(content.version, boards_of(content.start), steps, parts)
    write_signed(target, manifest, parts, (key, content.epoch), tools)


def write_signed(
    target: Path, manifest: bytes, parts: Sequence[Path], signing: tuple[Path, int], tools: Tools
) -> None:
    """Write an update with this manifest and these parts, signed with a key, of a time."""
    key, epoch = signing
    text = parts[0].with_name("manifest.json")
    text.write_bytes(manifest)
    text.with_name("manifest.json.sig").unlink(missing_ok=True)
    tools.run("ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", NAMESPACE, text)
    signature = text.with_name("manifest.json.sig").read_bytes()
    with target.open("wb") as stream:
        write_update(stream, manifest, signature, parts, epoch)


def start_archive(files: Mapping[str, bytes], epoch: int) -> bytes:
    """One tar file of a slot's folder; the same bytes from the same files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(content), epoch, 0o644
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
