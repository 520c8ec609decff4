"""Debouncing, as a function of values: what is seen of a contact counts once it has stayed the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Steady(Generic[T]):
    """A value that counts, and what has been seen since `seen_ms`."""

    value: T
    seen: T
    seen_ms: int

    @property
    def is_moving(self) -> bool:
        """Whether something else is seen than what counts."""
        return self.seen != self.value


def sample(steady: Steady[T], seen: T, now_ms: int, still_ms: int) -> Steady[T]:
    """After one more look; what has been seen without a break for `still_ms` counts."""
    if seen != steady.seen:
        return replace(steady, seen=seen, seen_ms=now_ms)
    if steady.is_moving and now_ms - steady.seen_ms >= still_ms:
        return replace(steady, value=seen)
    return steady
