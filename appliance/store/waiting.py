"""Who waits for an agent at this moment, as every page and every estimate counts it."""

from __future__ import annotations

from appliance.store.ledger import TAKEN_ON_CALL, WAITS

_BEGINS = (WAITS, "agent rings", "handed over", "not taken over")
_ENDS = ("talks", TAKEN_ON_CALL, "nobody present told", "leaves message", "callback promised")


def _texts(steps: tuple[str, ...]) -> str:
    return ", ".join(f"'{step}'" for step in steps)


WAITS_NOW = f"""(c.ended_at = '' AND c.waits_since <> '' AND coalesce(
  (SELECT s.step IN ({_texts(_BEGINS)}) FROM steps AS s
    WHERE s.call = c.call AND s.step IN ({_texts(_BEGINS + _ENDS)}) ORDER BY s.id DESC LIMIT 1), 1))"""
"""Of a call `c`, in SQL: the last step that says anything about it says that the caller is in line, or is
being rung through; so he who was handed over waits again after he has talked."""
