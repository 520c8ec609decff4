"""The list of all that lies on the card (SBOM), and what Raspberry Pi Imager reads."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote


def bill_of_materials(archives: Iterable[str], libraries: Iterable[str], version: str) -> str:
    """Debian packages and Python libraries with their versions, as CycloneDX 1.6 (JSON)."""
    components = [_debian(archive) for archive in sorted(archives)]
    components += [_python(paragraph) for paragraph in libraries]
    listed = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "operating-system", "name": "freizeichen", "version": version}},
        "components": components,
    }
    return json.dumps(listed, indent=1) + "\n"


def _debian(archive: str) -> dict[str, str]:
    """From the archive's name: ``libgmp10_2%3a6.3.0+dfsg-5_arm64.deb``."""
    name, version, architecture = archive.removesuffix(".deb").split("_")
    version = unquote(version)
    return {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}?arch={architecture}",
    }


def _python(paragraph: str) -> dict[str, str]:
    """From a paragraph of requirements.lock: ``click==8.5.1 --hash=…``."""
    found = re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", paragraph)
    if not found:
        raise ValueError(f"not a locked library: {paragraph[:60]}")
    name, version = found.groups()
    return {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name.lower()}@{version}"}


def imager_list(
    name: str, version: str, epoch: int, *, card: tuple[int, str], packed: tuple[int, str]
) -> str:
    """``os_list.json``: bytes and SHA-256 of the card and of the packed file.

    The address of the file is its name alone; who publishes it puts the folder's address before it.
    """
    day = datetime.datetime.fromtimestamp(epoch, datetime.UTC).date().isoformat()
    entry = {
        "name": f"Freizeichen {version}",
        "description": "A hotline in a box for small offices. Eine Hotline in einer Kiste für kleine Büros.",
        "url": name,
        "release_date": day,
        "extract_size": card[0],
        "extract_sha256": card[1],
        "image_download_size": packed[0],
        "image_download_sha256": packed[1],
        "devices": ["pi5-64bit", "pi4-64bit", "pi3-64bit"],
        "init_format": "none",
    }
    return json.dumps({"os_list": [entry]}, indent=1, ensure_ascii=False) + "\n"
