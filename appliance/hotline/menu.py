"""The menu of a main number: one level, a few choices, and the words that announce them."""

from __future__ import annotations

CHOICES_LEAST, CHOICES_MOST = 2, 4

# The departments our own voice can announce ("for technical support"); an office may record others.
MENU_PROMPTS = (
    *("menu-support", "menu-accounting", "menu-sales", "menu-orders", "menu-service", "menu-returns"),
    *("menu-appointments", "menu-reception", "menu-management", "menu-emergency"),
)


def menu_prompt(department: str) -> str:
    """The prompt that announces a department of this name, '' when our own voice has none."""
    prompt = f"menu-{department}"
    return prompt if prompt in MENU_PROMPTS else ""
