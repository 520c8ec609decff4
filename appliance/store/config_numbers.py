"""Telephone numbers as a config file writes them: those of departments, and blocks with extensions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from appliance.hotline.numbers import E164_LENGTH, is_country, to_e164
from appliance.store import config_checks as checks
from appliance.store.config_errors import shown
from appliance.store.config_table import Once, Table, similar
from appliance.store.config_values import Agent, Block, Department, Office, Phone

_MAIN_EXTENSION = "0"  # what people dial for "anybody" behind a block's number


def read_numbers(table: Table, office: Office, taken: Once) -> tuple[str, ...]:
    """The setting `numbers` of a department, as E.164."""
    written = table.texts("numbers", ())
    numbers = []
    for index, text in enumerate(written):
        number = _e164(text, office)
        if number is None:
            table.problem("telephone number", "numbers", index, value=shown(text))
        elif number and text not in written[:index]:
            taken.claim(number, table, "numbers", index)
            numbers.append(number)
    return tuple(numbers)


def read_blocks(
    tables: Sequence[Table], office: Office, departments: Sequence[Department], taken: Once
) -> tuple[Block, ...]:
    """Every section [[block]]."""
    known = [department.name for department in departments]
    blocks = []
    for table in tables:
        written = table.text("number")
        number = _e164(written, office) if written else ""
        if number is None:
            table.problem("telephone number", "number", value=shown(written))
        else:
            taken.claim(number, table, "number")
        department = table.text("department")
        if department and department not in known:
            close = similar(department, known)
            table.problem("no such department", "department", suggestion=close, value=shown(department))
        blocks.append(Block(number or "", department))
        table.finish()
    return tuple(blocks)


def check_extensions(tables: Sequence[Table], blocks: Sequence[Block], phones: Sequence[Phone]) -> None:
    """Note the blocks whose number with the longest extension would be longer than a number can be."""
    longest = max((phone.extension for phone in phones), key=len, default="")
    for table, block in zip(tables, blocks, strict=True):
        if len(block.number) + len(longest) > E164_LENGTH:
            table.problem("block too long", "number", value=shown(block.number), other=longest)


def check_reachable(
    tables: Sequence[Table], departments: Sequence[Department], blocks: Sequence[Block]
) -> None:
    """Note the departments nobody could ever reach: without a number, a menu's choice or a block."""
    reached = {choice for department in departments for _, choice in department.menu}
    reached |= {block.department for block in blocks}
    for table, department in zip(tables, departments, strict=True):
        if table.empty("numbers") and department.name not in reached:
            table.problem("department without number", "numbers")


def block_numbers(
    blocks: Sequence[Block], phones: Sequence[Phone], agents: Sequence[Agent]
) -> Iterator[tuple[str, Block, Agent | None, tuple[str, ...]]]:
    """The numbers of every block: each with its block, the agent dialled directly (None for the block's
    department), and the forms in which a line may deliver the extension alone."""
    owners = {agent.phone: agent for agent in agents}
    for block in blocks:
        yield block.number, block, None, ()
        yield block.number + _MAIN_EXTENSION, block, None, (_MAIN_EXTENSION,)
        for phone in phones:
            if phone.name in owners:
                yield block.number + phone.extension, block, owners[phone.name], (phone.extension,)


def _e164(text: str, office: Office) -> str | None:
    """The number; '' where the office's country or area code is what is wrong, None when it is no number."""
    if not is_country(office.country) or checks.area_code(office.area_code):
        return ""
    return to_e164(text, office.country, office.area_code)
