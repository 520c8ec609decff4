"""Makes the card image: `make image`. Nothing is mounted or installed for it.

Debian's packages are fetched and unpacked, none of their scripts is run
(decisions/0003-no-script-of-a-package-is-run.md).
"""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from appliance.telephony.debian_archive import PreparationError, Progress, machine_architecture
from appliance.telephony.sandbox import cache_folder, shown_progress
from card.bill_of_materials import bill_of_materials, imager_list
from card.boot_files import boot_files, slot_files
from card.dahdi import card_drivers
from card.debian_package import MACHINES, Package, write_package
from card.filesystems import (
    CARD_BYTES,
    MEGABYTE,
    write_boot,
    write_card,
    write_data,
    write_root,
)
from card.gpio_library import gpio_library, gpio_requirements
from card.kernel import finish_modules, first_system, modules_folder
from card.packages import ARCHITECTURE, Tools, apt_for, fetched, on_the_card, unpack_into
from card.touched import PARTS, install_what_is_touched
from card.tree import REPOSITORY, finish_tree, install_libraries, needed_libraries, tracked
from card.update import Content, signers, signing_key, write_update_file

# Typical seconds of each step on two cores, from nothing; only to say how long it will take.
_STEPS = {
    "tools": 60,
    "packages": 60,
    "drivers of telephone cards": 200,
    "library for lamps and switch": 60,
    "kernel and first system": 20,
    "system": 60,
    "file systems": 90,
    "packing": 180,
    "update": 10,
    "packages for other machines": 40,
    "list of contents": 5,
}
_ROOM_NEEDED_BYTES = 4_000_000_000
FIGURES = "build.json"
"""Sizes and seconds of the last making, beside the image."""


class Steps:
    """Says which step begins and how much time is left; the time each took is printed at the end."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._took: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step of the list."""
        names = list(_STEPS)
        left = sum(_STEPS[later] for later in names[names.index(name) :])
        click.echo(f"{len(self._took) + 1}/{len(names)} {name}; up to {left / 60:.0f} minutes left", err=True)
        began = time.monotonic()
        yield
        self._took[name] = time.monotonic() - began

    @property
    def seconds(self) -> float:
        """How long all took."""
        return sum(self._took.values())

    def summary(self) -> str:
        """How long each step took."""
        parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self._took.items())
        return f"{self.seconds:.0f} s ({parts})"


def epoch_of_sources() -> int:
    """The time everything on the card has: SOURCE_DATE_EPOCH, else that of the last commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    done = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def digest_of_inputs(archives: list[str], epoch: int, signers: str) -> str:
    """Changes when the card's content does: our own files, libraries, packages, the updates' key."""
    seen = hashlib.sha256(f"{epoch} {sorted(archives)} {signers}".encode())
    for name in tracked("appliance", "webui", *PARTS, "image-build", "requirements.lock", "pyproject.toml"):
        seen.update(name.encode() + (REPOSITORY / name).read_bytes())
    return seen.hexdigest()[:12]


def sha256_of(file: Path) -> str:
    """The file's checksum."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def make(folder: Path, work: Path, steps: Steps, *, quick: bool) -> Path:
    """Make the image and what goes with it in `folder`; returns the packed image. Raises PreparationError."""
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    epoch = epoch_of_sources()
    name = f"freizeichen-{version}-{ARCHITECTURE}"
    root = work / "root"
    with steps.step("tools"):
        tools = Tools(work, steps.progress)
        key = signing_key(tools)
        whose = signers(key, tools)
    with steps.step("packages"):
        apt = apt_for(work / "apt", ARCHITECTURE, steps.progress)
        archives = on_the_card(apt)
        unpack_into(root, fetched(apt, archives, steps.progress), steps.progress)
    with steps.step("drivers of telephone cards"):
        drivers = card_drivers(apt, archives, tools, steps.progress)
    with steps.step("library for lamps and switch"):
        gpio = gpio_library(
            apt,
            tools.apt,
            ARCHITECTURE,
            cross=machine_architecture() != ARCHITECTURE,
            progress=steps.progress,
        )
    with steps.step("kernel and first system"):
        finish_modules(root, drivers, tools)
        first = first_system(root, work, tools)
        files, start = boot_files(root, first), slot_files(root, first)
        for part in ("vmlinuz", "config", "dtb"):
            taken = modules_folder(root) / part
            shutil.rmtree(taken) if taken.is_dir() else taken.unlink()
    with steps.step("system"):
        build = f"{version}-{digest_of_inputs(archives, epoch, whose)}"
        install_what_is_touched(root / "usr/lib/freizeichen/programs", gpio)
        finish_tree(root, build, epoch, whose, tools)
    with steps.step("file systems"):
        parts = {1: work / "boot", 2: work / "slot", 4: work / "data"}
        write_boot(files, parts[1], work, epoch, tools)
        taken_bytes = write_root(root, parts[2], epoch, tools)
        write_data(parts[4], epoch, tools)
        card = work / f"{name}.img"
        write_card(card, parts)
    with steps.step("packing"):
        card_sum = sha256_of(card)
        tools.run("xz", "-0" if quick else "-6", "--threads=2", "--block-size=24MiB", "--check=crc32", card)
        packed = card.with_name(f"{card.name}.xz")
    with steps.step("update"):
        folder.mkdir(parents=True, exist_ok=True)
        renewal = folder / f"{name}.update"
        write_update_file(
            renewal,
            Content(build, parts[2], start, epoch),
            key,
            work,
            tools,
        )
    with steps.step("packages for other machines"):
        packages = []
        for architecture, machine in MACHINES.items():
            libraries = work / f"libraries-{architecture}"
            install_libraries(libraries, machine)
            packages.append(folder / f"freizeichen_{version}_{architecture}.deb")
            made_for = Package(architecture, version, epoch)
            write_package(packages[-1], made_for, libraries, work)
        shutil.copy(REPOSITORY / "image-build/install.sh", folder)
    with steps.step("list of contents"):
        target = folder / packed.name
        packed_bytes, packed_sum = packed.stat().st_size, sha256_of(packed)
        packed.replace(target)
        (folder / f"{target.name}.sha256").write_text(f"{packed_sum}  {target.name}\n")
        contents = bill_of_materials(archives, [*needed_libraries(), *gpio_requirements()], version)
        (folder / f"{name}.cdx.json").write_text(contents)
        (folder / "os_list.json").write_text(
            imager_list(
                target.name, version, epoch, card=(CARD_BYTES, card_sum), packed=(packed_bytes, packed_sum)
            )
        )
    figures = {
        **{"packed_bytes": packed_bytes, "card_bytes": CARD_BYTES, "system_bytes": taken_bytes},
        **{"debian_packages": len(archives), "slot": build, "seconds": round(steps.seconds)},
    }
    (folder / FIGURES).write_text(json.dumps(figures, indent=1) + "\n")
    click.echo(
        f"{target}: {packed_bytes / MEGABYTE:.0f} MB packed, {CARD_BYTES / MEGABYTE:.0f} MB on the card,"
        f" of which the system {taken_bytes / MEGABYTE:.0f} MB; {len(archives)} Debian packages;"
        f" slot {build}\n{renewal}: {renewal.stat().st_size / MEGABYTE:.0f} MB, signed with"
        f" {key}: keep it, boxes take no other\n"
        f"{', '.join(package.name for package in packages)}\nsha256 {packed_sum}\nmade in {steps.summary()}"
    )
    return target


def different(made: Path, before: Path) -> list[str]:
    """The files of `made` that have other bytes in `before`, or are not there; figures aside."""
    names = sorted(file.name for file in made.iterdir() if file.name != FIGURES)
    return [
        name
        for name in names
        if not (before / name).exists() or not filecmp.cmp(made / name, before / name, shallow=False)
    ]


def _forget_unfinished(cache: Path) -> None:
    """Take away what builds that were killed have left."""
    for half in cache.glob("image-*.half"):
        if not Path("/proc", half.stem.removeprefix("image-")).exists():
            shutil.rmtree(half)


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=REPOSITORY / ".image",
    help="Where the image is put.",
)
@click.option("--quick", is_flag=True, help="Pack loosely: to try something, not to give away.")
@click.option(
    "--again", is_flag=True, help="Make it anew elsewhere and say which bytes differ from the folder's."
)
def main(folder: Path, quick: bool, again: bool) -> None:
    """Make the card image for the Raspberry Pi."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(cache).free < _ROOM_NEEDED_BYTES:
        raise click.ClickException(f"{cache} needs 4 GB of room for the making of the image.")
    _forget_unfinished(cache)
    work = cache / f"image-{os.getpid()}.half"
    work.mkdir()
    try:
        with shown_progress("image") as progress:
            make(work / "again" if again else folder, work, Steps(progress), quick=quick)
        if again and (names := different(work / "again", folder)):
            raise click.ClickException(f"not the same bytes: {', '.join(names)}")
        if again:
            click.echo(f"every file has the bytes it has in {folder}")
    except PreparationError as error:
        raise click.ClickException(str(error)) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
