"""A closed department says when it opens again, and the floor alone says the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.simulator.office import SimulatedOffice
from appliance.store.config_hours import DAYS
from tests.calls.conftest import OFFICE, nothing_is_left


@pytest.mark.parametrize("supervisor", [True, False], ids=["supervisor", "floor alone"])
def test_a_caller_hears_on_which_day_and_when_it_opens_again(
    make_office: Callable[..., SimulatedOffice], supervisor: bool
) -> None:
    opens = datetime.now(ZoneInfo("Europe/Berlin")) + timedelta(days=3)
    hours = f'{{ {DAYS[opens.weekday()]} = "08:30-17:00" }}\nclosed_on_holidays = false'
    office = make_office(
        OFFICE.replace('hours = "always"', f"hours = {hours}"), supervisor=supervisor, shipped=True
    )
    caller = office.caller()
    caller.dials("0931 555-10")
    told = caller.hears("closed", after=caller.hears("greeting"))
    day = caller.hears(f"reopens-weekday-{opens.isoweekday()}", after=told)
    caller.hears("hour-8", after=day)
    caller.hears("minute-30", after=day)
    caller.hears("leave-message" if not supervisor else "offer-callback-opening")
    caller.hangs_up()
    if not supervisor:
        office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == "told closed"
    nothing_is_left(office)
