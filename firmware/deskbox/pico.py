"""The Raspberry Pi Pico: the only module that touches hardware."""

import os
import select
import sys
import time

from machine import PWM, UART, Pin, reset, unique_id

from deskbox.pins import BLUE, BUTTON, BUZZER, GREEN, ON_A_BUS, RED, SENDING, UART_RX, UART_TX

BAUD = 115_200
_BUZZER_HERTZ = 2400


class Usb:
    """The USB cable: the serial port that MicroPython makes of standard input and output."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def read(self) -> bytes:
        """What has come, at most one frame's length."""
        data = b""
        while len(data) < 256:
            for _ in self._poll.ipoll(0):
                break
            else:
                return data
            data += sys.stdin.buffer.read(1)
        return data

    def write(self, data: bytes) -> None:
        """Send; a computer that does not take it within half a second misses it."""
        sys.stdout.buffer.write(data)


class Bus:
    """A line shared with other boxes, RS-485 or a plain UART."""

    def __init__(self) -> None:
        self._uart = UART(0, BAUD, tx=Pin(UART_TX), rx=Pin(UART_RX), rxbuf=1024, timeout=0)
        self._sending = Pin(SENDING, Pin.OUT, value=0)

    def read(self) -> bytes:
        """What has come."""
        return (self._uart.read() or b"") if self._uart.any() else b""

    def write(self, data: bytes) -> None:
        """Take the line, send, and let it go when the last bit has left."""
        self._sending.value(1)
        self._uart.write(data)
        self._uart.flush()
        self._sending.value(0)


class Pico:
    """The board as `loop.Box` uses it; `watchdog` runs already."""

    def __init__(self, watchdog) -> None:
        self.serial = unique_id()
        self.boot = int.from_bytes(os.urandom(4), "little")
        self.root = "/"
        self._button = Pin(BUTTON, Pin.IN, Pin.PULL_UP)
        self._lamp = [PWM(Pin(number), freq=1000, duty_u16=0) for number in (RED, GREEN, BLUE)]
        self._buzzer = PWM(Pin(BUZZER), freq=_BUZZER_HERTZ, duty_u16=0)
        self._buzzes = False
        self._shown = bytearray(3)
        self._cable = Usb() if Pin(ON_A_BUS, Pin.IN, Pin.PULL_UP).value() else Bus()
        self._watchdog = watchdog

    def now(self) -> int:
        """Milliseconds, from 0 to 2**30."""
        return time.ticks_ms()

    def button_is_down(self) -> bool:
        """The contact, bounces and all."""
        return not self._button.value()

    def show(self, colour: bytearray) -> None:
        """Light the lamp: red, green, blue."""
        for i in range(3):
            if colour[i] != self._shown[i]:
                self._shown[i] = colour[i]
                self._lamp[i].duty_u16(colour[i] * 257)

    def buzz(self, on: bool) -> None:
        """Sound the buzzer, or not."""
        if on != self._buzzes:
            self._buzzes = on
            self._buzzer.duty_u16(32_768 if on else 0)

    def read(self) -> bytes:
        """What has come over the cable."""
        return self._cable.read()

    def write(self, data: bytes) -> None:
        """Send over the cable."""
        self._cable.write(data)

    def random_byte(self) -> int:
        """0 to 255."""
        return os.urandom(1)[0]

    def feed_watchdog(self) -> None:
        """Without this for eight seconds the board starts again."""
        self._watchdog.feed()

    def restart(self) -> None:
        """Start again."""
        reset()

    def wait(self) -> None:
        """A millisecond, in which USB gets its turn."""
        time.sleep_ms(1)
