"""Time on the box: milliseconds that begin anew at 2**30 (12 days), as the RP2040 counts them."""

_MASK = 0x3FFFFFFF
_HALF = 0x20000000


def since(now: int, then: int) -> int:
    """Milliseconds from `then` to `now`, negative when `then` is still to come; good for 6 days."""
    return ((now - then + _HALF) & _MASK) - _HALF


def later(now: int, milliseconds: int) -> int:
    """The time this much after `now`."""
    return (now + milliseconds) & _MASK
