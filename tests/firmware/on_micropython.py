"""Checks that run inside MicroPython: `micropython on_micropython.py FIRMWARE CHECK`; status 0 is good."""

import gc
import json
import os
import random
import sys
from binascii import hexlify, unhexlify

sys.path.insert(0, sys.argv[1])

import slots
from deskbox import frames, messages
from deskbox.loop import Box
from deskbox.update import Update


class Board:
    """A board whose time, button and cable are the check's."""

    serial = b"\x01\x02\x03\x04\x05\x06\x07\x08"
    boot = 7
    root = "/nowhere/"

    def __init__(self):
        self.time = 0
        self.down = False
        self.coming = b""
        self.sent = b""
        self.restarts = 0

    def now(self):
        return self.time & 0x3FFFFFFF

    def button_is_down(self):
        return self.down

    def show(self, colour):
        self.colour = colour

    def buzz(self, on):
        self.buzzes = on

    def read(self):
        data = self.coming
        self.coming = b""
        return data

    def write(self, data):
        self.sent = data

    def random_byte(self):
        return 3

    def feed_watchdog(self):
        pass

    def restart(self):
        self.restarts += 1

    def wait(self):
        pass


def frame(address, kind, payload=b"", sequence=1):
    return frames.encode(address, kind, sequence, payload)


def picture(lamp, taken=0, tenths=20):
    return bytes((lamp, 1, tenths)) + (7).to_bytes(4, "little") + taken.to_bytes(4, "little")


def vectors():
    """The frames and streams of vectors.json, written and read."""
    with open(sys.argv[1] + "/vectors.json") as file:
        wanted = json.load(file)
    by_name = {}
    for v in wanted["frames"]:
        payload = unhexlify(v["payload"])
        by_name[v["name"]] = (frames.VERSION, v["address"], v["kind"], v["sequence"], payload)
        written = frames.encode(v["address"], v["kind"], v["sequence"], payload)
        assert hexlify(written).decode() == v["bytes"], v["name"]
        assert frames.Decoder().feed(written) == [by_name[v["name"]]], v["name"]
    for stream in wanted["streams"]:
        data = unhexlify(stream["bytes"])
        expected = [by_name[name] for name in stream["frames"]]
        for size in (1, 2, 7, len(data)):
            decoder = frames.Decoder()
            found = []
            for at in range(0, len(data), size):
                found += decoder.feed(data[at : at + size])
            assert found == expected, (stream["name"], size)
    s = wanted["state"]
    presses = [tuple(press) for press in s["presses"]]
    payload = messages.state(
        unhexlify(s["serial"]), s["boot"], s["lamp"], s["picture"], s["down"], s["first"], presses
    )
    assert payload == by_name[s["frame"]][4]


def memory():
    """A hundred thousand turns of the loop, with pictures, presses and noise, leave no byte behind."""
    board = Board()
    box = Box(board, "a", False)
    shown = [frame(1, messages.PICTURE, picture(lamp)) for lamp in range(11)]
    hello = frame(0, messages.ASSIGN, board.serial + b"\x01\x01")

    def turns(count):
        for turn in range(count):
            board.time += 5
            board.down = turn % 100 > 90
            if turn % 1000 == 0:
                board.coming = hello
            elif turn % 20 == 0:
                board.coming = shown[turn // 20 % 11]
            elif turn % 33 == 0:
                board.coming = b"\x11\x00noise\x00" + hello[:9]
            box.turn()

    turns(5_000)
    gc.collect()
    before = gc.mem_alloc()
    turns(100_000)
    gc.collect()
    assert gc.mem_alloc() <= before, gc.mem_alloc() - before

    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(10_000):
        box.turn()
    grown = gc.mem_alloc() - before
    gc.enable()
    assert grown < 1000, grown  # while nothing happens the loop allocates nothing at all


def fuzz():
    """Random, mutated and shortened frames: no exception, no press and no address out of nothing."""
    random.seed(int(sys.argv[4]))
    board = Board()
    box = Box(board, "a", False)
    link = box._link
    count = int(sys.argv[3])
    good = [
        frame(1, messages.PICTURE, picture(2)),
        frame(0, messages.WHO, b"\x00\x04"),
        frame(1, messages.UPDATE_END),
        frame(0, messages.ASSIGN, b"\x01\x02\x03\x04\x05\x06\x07\x08\x05\x00"),
        frame(1, messages.STATE, bytes(20)),
    ]
    for number in range(count):
        board.time += 1
        way = number % 4
        if way == 0:
            length = random.getrandbits(5)
            board.coming = bytes([random.getrandbits(8) for _ in range(length)]) + b"\x00"
        elif way == 1:  # one byte is another
            broken = bytearray(random.choice(good))
            broken[1 + random.getrandbits(8) % (len(broken) - 2)] ^= 1 + random.getrandbits(8) % 255
            board.coming = bytes(broken)
        elif way == 2:  # cut short
            whole = random.choice(good)
            board.coming = whole[: random.getrandbits(8) % (len(whole) - 2)] + b"\x00"
        else:  # a right frame whose payload makes no sense
            kind = (messages.WHO, messages.ASSIGN, messages.PICTURE, 0x55, 0x83)[random.getrandbits(8) % 5]
            payload = bytes([random.getrandbits(8) for _ in range(random.getrandbits(4))])
            if kind == messages.ASSIGN or (kind == messages.WHO and payload[:1] != b"\x00"):
                payload = payload[:7]
            board.coming = frame(random.getrandbits(1), kind, payload)
        box.turn()
        assert link.lamp == 0, number
        assert not link._presses, number
    board.coming = frame(0, messages.ASSIGN, board.serial + b"\x01\x00")
    box.turn()
    board.coming = frame(1, messages.PICTURE, picture(2))
    box.turn()
    assert link.lamp == 2, "after all that it works"


class Disk:
    """A block device in memory that loses power in the middle of the write after so many."""

    SIZE = 512

    def __init__(self, data, left=-1):
        self.data = bytearray(data)
        self.left = left
        self.off = False

    def readblocks(self, block, buffer, offset=0):
        if not self.off:
            start = block * self.SIZE + offset
            buffer[:] = self.data[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=None):
        if self.off:
            return
        start = block * self.SIZE + (offset or 0)
        if self.left == 0:
            half = len(buffer) // 2
            self.data[start : start + half] = buffer[:half]
            self.cut()
        self.left -= 1
        self.data[start : start + len(buffer)] = buffer

    def ioctl(self, op, argument):
        if op == 4:
            return len(self.data) // self.SIZE
        if op == 5:
            return self.SIZE
        if op == 6 and not self.off:
            if self.left == 0:
                self.cut()
            self.left -= 1
            start = argument * self.SIZE
            self.data[start : start + self.SIZE] = b"\xff" * self.SIZE
        return 0

    def cut(self):
        self.off = True
        raise OSError(5)


def bundle_of(files):
    import hashlib

    content = b"FZB1"
    for name, text in files:
        content += bytes((len(name),)) + name.encode() + len(text).to_bytes(4, "little") + text
    return content, hashlib.sha256(content).digest()


def power_cut():
    """An update on the real file system, littlefs, that is cut off at every single write to the flash.

    Whatever runs after the next start is either the old firmware or the new one, whole.
    """
    old = b"VERSION = 'old'\n" * 40
    new = b"VERSION = 'new'\n" * 40
    content, digest = bundle_of([("frames.py", new), ("loop.py", new)])
    disk = Disk(bytes(256 * Disk.SIZE))
    os.VfsLfs2.mkfs(disk)
    os.mount(os.VfsLfs2(disk), "/flash")
    for folder in ("/flash/a", "/flash/a/deskbox", "/flash/b", "/flash/b/deskbox"):
        os.mkdir(folder)
    for slot in "ab":
        for name in ("frames.py", "loop.py"):
            with open("/flash/" + slot + "/deskbox/" + name, "wb") as file:
                file.write(old)
    os.umount("/flash")
    fresh = bytes(disk.data)
    outcomes = set()
    cut_at = 0
    while True:
        disk = Disk(fresh, left=cut_at)
        done = False
        try:
            os.mount(os.VfsLfs2(disk), "/flash")
            update = Update("/flash/", "a", lambda: None)
            update.begin(len(content), digest)
            for at in range(0, len(content), 192):
                update.data(at, content[at : at + 192])
            update.end()
            assert disk.off or update.phase == messages.COMPLETE
            if update.phase == messages.COMPLETE:
                slots.choose("/flash/")
                slots.confirm("/flash/")
            done = not disk.off
        except OSError:
            assert disk.off
        disk.off = True
        os.umount("/flash")
        os.mount(os.VfsLfs2(Disk(disk.data)), "/flash")
        slot = slots.choose("/flash/")
        versions = set()
        for name in ("frames.py", "loop.py"):
            with open("/flash/" + slot + "/deskbox/" + name, "rb") as file:
                text = file.read()
            assert text in (old, new), (cut_at, slot, name)
            versions.add(text)
        assert len(versions) == 1, cut_at
        outcomes.add(versions.pop())
        os.umount("/flash")
        if done:
            break
        cut_at += 1
    assert outcomes == {old, new}
    assert cut_at > 20, cut_at
    print("power cuts", cut_at)


globals()[sys.argv[2]]()
