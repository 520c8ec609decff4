"""What the Pico runs when it gets power. Never updated, so it does no more than choose and start a slot.

Whoever holds the button while plugging in gets MicroPython's prompt instead.
"""

import sys

import micropython
from machine import WDT, Pin, reset

import slots

_BUTTON = 15

if Pin(_BUTTON, Pin.IN, Pin.PULL_UP).value():
    micropython.kbd_intr(-1)  # a frame may hold the byte of Ctrl-C
    watchdog = WDT(timeout=8000)  # from here on, so that firmware that hangs while it is loaded ends, too
    try:
        slot = slots.choose("/")
        sys.path.insert(0, "/" + slot)
        from deskbox.loop import run
        from deskbox.pico import Pico

        run(Pico(watchdog), slot, slots.on_trial("/"))
    finally:
        reset()  # whatever ended it: start again, into the old firmware if this one was on trial
