"""The box's kernel: its modules, what each needs, and the first system (initramfs) that finds the disk."""

from __future__ import annotations

import gzip
import lzma
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from card.packages import Tools

FIRST = Path(__file__).parent / "first"

# Nothing on a box without screen, camera and radio uses these.
_NOT_NEEDED = (
    *("kernel/sound", "kernel/drivers/gpu", "kernel/drivers/media", "kernel/drivers/infiniband"),
    *(
        "kernel/drivers/iio",
        "kernel/drivers/staging",
        "kernel/drivers/net/wireless",
        "kernel/drivers/bluetooth",
    ),
    *("kernel/net/bluetooth", "kernel/net/wireless", "kernel/net/mac80211"),
)

# What lies between a Pi's power switch and its card, a USB stick or an NVMe disk; and a virtual disk.
_FIRST_MODULES = re.compile(
    r"kernel/drivers/(mmc/(core/mmc_block|host/(sdhci|bcm2835|cqhci)[^/]*)|(clk|pinctrl|soc|pmdomain)/bcm/[^/]*"
    r"|gpio/gpio-(raspberrypi|bcm|brcm|regulator)[^/]*|regulator/(fixed|gpio-regulator)|firmware/raspberrypi"
    r"|mailbox/bcm2835-mailbox|reset/[^/]*(raspberrypi|brcm|simple)[^/]*|dma/bcm2835-dma|phy/broadcom/[^/]*(usb|pcie)[^/]*"
    r"|pci/controller/pcie-brcmstb|irqchip/[^/]*(bcm|brcm)[^/]*|misc/rp1/[^/]*|mfd/bcm2835-pm|watchdog/bcm2835_wdt"
    r"|usb/host/xhci-(pci|plat-hcd)|usb/dwc[23]/dwc[23]|usb/storage/(usb-storage|uas)|scsi/sd_mod|nvme/host/nvme"
    r"|virtio/virtio_(pci|mmio)|block/virtio_blk)\.ko.*"
    r"|kernel/fs/(erofs/erofs|ext4/ext4|overlayfs/overlay|fat/vfat|nls/nls_(ascii|cp437|utf8|iso8859-1))\.ko.*"
)


def modules_folder(root: Path) -> Path:
    """Where this tree's modules lie; there is one kernel."""
    return next((root / "usr/lib/modules").iterdir())


def finish_modules(root: Path, drivers: Path, tools: Tools) -> None:
    """Take out what no box uses, add the drivers of telephone cards, write the index."""
    folder = modules_folder(root)
    for name in _NOT_NEEDED:
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(drivers, folder / "updates/dahdi")
    tools.run("depmod", "--basedir", root, folder.name)


def first_system(root: Path, work: Path, tools: Tools) -> bytes:
    """The initramfs: busybox, the modules that find the disk, and `first`."""
    folder = modules_folder(root)
    chosen = work / "first"
    shutil.rmtree(chosen, ignore_errors=True)
    target = chosen / "usr/lib/modules" / folder.name
    (target / "kernel").mkdir(parents=True)
    (chosen / "lib").symlink_to("usr/lib")
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(folder / name, target / name)
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*.ko*")}
    beginnings = [path for path in files if _FIRST_MODULES.fullmatch(path)]
    by_name = {name_of_module(file): file for file in files.values()}
    for file in sorted(needed_by(by_name, (name_of_module(files[path]) for path in beginnings))):
        place = target / file.relative_to(folder).with_name(file.name.removesuffix(".xz"))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(_content(file))
    tools.run("depmod", "--basedir", chosen, folder.name)
    for index in target.glob("modules.*.bin"):  # busybox reads the other form
        index.unlink()
    (target / "modules.builtin.modinfo").unlink()
    entries: dict[str, bytes | str | None] = dict.fromkeys(
        ("dev", "proc", "sys", "run", "root", "usr", "usr/bin")
    )
    entries["bin"] = "usr/bin"
    entries["usr/bin/busybox"] = (root / "usr/bin/busybox").read_bytes()
    entries["usr/bin/sh"] = "busybox"
    for file in sorted(chosen.rglob("*")):
        name = file.relative_to(chosen).as_posix()
        if file.is_symlink():
            entries[name] = str(file.readlink())
        else:
            entries[name] = None if file.is_dir() else file.read_bytes()
    entries["init"] = FIRST.read_bytes()
    return gzip.compress(b"".join(cpio(entries)), compresslevel=9, mtime=0)


def name_of_module(file: Path) -> str:
    """``sdhci-iproc.ko.xz`` -> ``sdhci_iproc``."""
    return file.name.partition(".")[0].replace("-", "_")


def _content(file: Path) -> bytes:
    data = file.read_bytes()
    return lzma.decompress(data) if file.suffix == ".xz" else data


def needed_by(by_name: dict[str, Path], names: Iterable[str]) -> set[Path]:
    """The files of these modules and of all they need; what is built in has none."""
    found, waiting = set[Path](), list(names)
    while waiting:
        file = by_name.get(waiting.pop())
        if not file or file in found:
            continue
        found.add(file)
        content = _content(file)
        for depends in re.findall(rb"(?:^|\0)depends=([^\0]*)\0", content):
            waiting += [name.replace("-", "_") for name in depends.decode().split(",") if name]
        for softly in re.findall(rb"\0softdep=(?:pre|post): ([^\0]*)\0", content):
            waiting += [name.replace("-", "_") for name in softly.decode().split()]
    return found


def cpio(entries: dict[str, bytes | str | None]) -> Iterator[bytes]:
    """An archive as the kernel reads it (newc): bytes are files, text is a link, None a folder."""
    for number, (name, content) in enumerate([*entries.items(), ("TRAILER!!!", b"")], start=1):
        mode = 0o040755 if content is None else 0o120777 if isinstance(content, str) else 0o100755
        data = b"" if content is None else content.encode() if isinstance(content, str) else content
        encoded = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        yield header + b"\0" * (-len(header) % 4)
        yield data + b"\0" * (-len(data) % 4)
