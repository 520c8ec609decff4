"""An update: taken piece by piece, checked as a whole, unpacked beside the firmware that runs."""

import os
from binascii import hexlify
from hashlib import sha256

import slots
from deskbox import messages

MAGIC = b"FZB1"
LARGEST = 200_000  # bytes; both slots and a bundle fit into the Pico's 1.4 MB

WRONG_ORDER = 1
WRONG_DIGEST = 2
WRONG_BUNDLE = 3
NO_ROOM = 4


class Update:
    """`root` ends in a slash; `slot` is the one that runs; `keep_alive` is called during long work."""

    def __init__(self, root: str, slot: str, keep_alive) -> None:
        self.phase = messages.IDLE
        self.offset = 0
        self.reason = 0
        self._root = root
        self._other = "b" if slot == "a" else "a"
        self._keep_alive = keep_alive
        self._bundle = root + "bundle"
        self._size = 0
        self._digest = b""

    def begin(self, size: int, digest: bytes) -> None:
        """An update of so many bytes with this SHA-256 begins, or begins anew."""
        self._size = size
        self._digest = digest
        self.offset = 0
        self.phase = messages.RECEIVING
        self.reason = 0
        if not 0 < size <= LARGEST:
            self._fail(NO_ROOM)
            return
        slots.forget(self._root + "trial")
        self._guarded(self._write, b"", "wb")

    def data(self, offset: int, data: bytes) -> None:
        """The bytes at this offset. Those we have already or cannot have yet are passed over."""
        if self.phase == messages.IDLE:
            self._fail(WRONG_ORDER)
        elif self.phase == messages.RECEIVING and offset == self.offset and offset + len(data) <= self._size:
            self._guarded(self._write, data, "ab")

    def end(self) -> None:
        """All was sent: check, unpack, and propose it for the next start."""
        if self.phase == messages.IDLE or (self.phase == messages.RECEIVING and self.offset != self._size):
            self._fail(WRONG_ORDER)
        elif self.phase == messages.RECEIVING:
            self._guarded(self._unpack)

    def _write(self, data: bytes, mode: str) -> None:
        with open(self._bundle, mode) as file:
            file.write(data)
        self.offset += len(data)

    def _unpack(self) -> None:
        if self._digest_of_bundle() != self._digest:
            self._fail(WRONG_DIGEST)
            return
        folder = self._root + self._other
        self._empty(folder)
        with open(self._bundle, "rb") as bundle:
            if bundle.read(4) != MAGIC:
                self._fail(WRONG_BUNDLE)
                return
            while True:
                length = bundle.read(1)
                if not length:
                    break
                name = bundle.read(length[0]).decode()
                size = int.from_bytes(bundle.read(4), "little")
                if not name.endswith(".py") or not name.replace("_", "a")[:-3].isalpha():
                    self._fail(WRONG_BUNDLE)
                    return
                with open(folder + "/deskbox/" + name, "wb") as file:
                    while size > 0:
                        piece = bundle.read(min(size, 512))
                        if not piece:
                            self._fail(WRONG_BUNDLE)
                            return
                        file.write(piece)
                        size -= len(piece)
                        self._keep_alive()
        with open(folder + "/digest", "w") as file:
            file.write(hexlify(self._digest).decode())
        slots.forget(self._bundle)
        slots.propose(self._root, self._other)
        self.phase = messages.COMPLETE

    def _digest_of_bundle(self) -> bytes:
        seen = sha256()
        with open(self._bundle, "rb") as file:
            while True:
                piece = file.read(512)
                if not piece:
                    return seen.digest()
                seen.update(piece)
                self._keep_alive()

    def _empty(self, folder: str) -> None:
        """Make the other slot's folder, and empty what is in it."""
        slots.forget(folder + "/digest")
        for path in (folder, folder + "/deskbox"):
            try:
                os.mkdir(path)
            except OSError:
                pass  # it is there
        for name in os.listdir(folder + "/deskbox"):
            if name.endswith(".py"):
                slots.forget(folder + "/deskbox/" + name)

    def _guarded(self, work, *words) -> None:
        try:
            work(*words)
        except (OSError, UnicodeError):
            self._fail(NO_ROOM)

    def _fail(self, reason: int) -> None:
        self.phase = messages.FAILED
        self.reason = reason
        slots.forget(self._bundle)
