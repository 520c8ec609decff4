"""Where the office's page is, said on a phone: by the front panel's button, or by the phone's own code."""

from __future__ import annotations

from appliance.simulator.exchange import DeskPhone
from appliance.simulator.office import SimulatedOffice
from appliance.store import people


def hears_the_address(phone: DeskPhone) -> None:
    """The phones of the test are on 127.0.0.1, and so the box is."""
    for prompt in (
        "web-address",
        "digit-1",
        "digit-2",
        "digit-7",
        "web-address-dot",
        "digit-0",
        "web-address-dot",
    ):
        phone.hears(prompt)
    phone.hears("web-address")  # once more, for whoever was looking for a pencil


def test_the_button_rings_the_chosen_phone(office: SimulatedOffice) -> None:
    office.db.execute("UPDATE office SET address_phone = 'desk_2'")
    bert = office.desk("bert")
    people.press(office.db, people.ADDRESS_BUTTON)
    bert.rings()
    bert.answers()
    hears_the_address(bert)
    bert.hangs_up()
    assert office.db.execute("SELECT count(*) FROM calls").fetchone()[0] == 0


def test_a_phone_asks_for_it_on_asterisk_alone(office: SimulatedOffice) -> None:
    office.stop_supervisor()
    call = office.desk("anna").dials("*84")
    hears_the_address(call)
