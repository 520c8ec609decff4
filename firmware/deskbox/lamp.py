"""The lamp and the buzzer: what they do, as functions of the lamp's state and for how long it has been so."""

UNKNOWN = 0
OFF = 1
GREEN = 2
RINGING = 3
AMBER = 4
AMBER_BLINKING = 5
RED = 6
BLUE_BLINKING = 7
UNPAIRED = 8
PAIRING = 9
UPDATING = 10

# red, green, blue from 0 to 255; period in ms; the lit part of it in ms, or 0 for breathing
_LOOKS = (
    (80, 80, 80, 3000, 0),  # UNKNOWN: a white pulse, never dark, which would mean away
    (0, 0, 0, 1000, 1000),
    (0, 200, 0, 1000, 1000),
    (0, 255, 0, 1200, 0),  # RINGING: breathing
    (200, 90, 0, 1000, 1000),
    (200, 90, 0, 800, 400),
    (200, 0, 0, 1000, 1000),
    (0, 0, 255, 1600, 400),
    (120, 0, 120, 3000, 0),  # UNPAIRED: a violet pulse
    (120, 0, 120, 300, 150),
    (30, 30, 30, 1000, 1000),
)


def colour(lamp: int, shown_ms: int, out: bytearray) -> None:
    """Write the lamp's red, green and blue at this moment into `out`; an unknown lamp is UNKNOWN.

    It writes instead of returning so that the loop allocates nothing.
    """
    look = _LOOKS[lamp if lamp < len(_LOOKS) else UNKNOWN]
    period = look[3]
    phase = shown_ms % period
    if look[4]:
        level = 255 if phase < look[4] else 0
    else:
        half = period // 2
        level = 40 + 215 * (phase if phase < half else period - phase) // half
    out[0] = look[0] * level // 255
    out[1] = look[1] * level // 255
    out[2] = look[2] * level // 255


def sounds(lamp: int, shown_ms: int) -> bool:
    """Whether the buzzer sounds at this moment: two short beeps every three seconds while it rings."""
    phase = shown_ms % 3000
    return lamp == RINGING and (phase < 60 or 160 <= phase < 220)
