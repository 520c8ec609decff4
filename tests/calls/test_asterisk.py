"""The box's Asterisk by itself: it starts in any folder, with no way in that nobody needs."""

from __future__ import annotations

from pathlib import Path

from appliance.simulator.office import SimulatedOffice
from appliance.telephony.modules import BOX_MODULES
from appliance.telephony.sandbox import AsteriskProgram
from tests.calls.conftest import OFFICE

WAYS_IN = ("res_ari", "res_http_websocket", "chan_iax2", "format_ogg_speex", "res_pjsip_mwi")


def test_in_a_folder_with_a_long_name(tmp_path: Path, program: AsteriskProgram) -> None:
    """A kill leaves the control socket behind: the next start must find and replace it."""
    office = SimulatedOffice(tmp_path / ("ein-langer-name-" * 8), OFFICE, program)
    box = office.asterisk
    try:
        box.start()
        only_what_we_need_is_loaded(box.ask("module show"))
        the_manager_passes_on_what_matters(office)
        box.kill()
        assert (box.run_folder / "asterisk.ctl").is_socket()
        box.start()
        assert "System uptime" in box.ask("core show uptime")
    finally:
        office.stop()
    assert not box.run_folder.exists()


def only_what_we_need_is_loaded(listing: str) -> None:
    """``module show`` names our modules and no other."""
    loaded = {line.split(".so")[0] for line in listing.splitlines() if ".so " in line}
    assert loaded == set(BOX_MODULES)
    assert not loaded & set(WAYS_IN)


def the_manager_passes_on_what_matters(office: SimulatedOffice) -> None:
    """One user only reads, the other only orders, and each is sent the events on its list only."""
    rights = {user: office.asterisk.ask(f"manager show user {user}") for user in ("events", "orders")}
    assert "read perm: system,call\n" in rights["events"]
    assert "write perm: <none>\n" in rights["events"]
    assert "write perm: system,call,command,reporting,originate\n" in rights["orders"]
    rendered = (office.settings.asterisk / "etc" / "manager.conf").read_text()
    filters = [line for line in rendered.splitlines() if line.startswith("eventfilter")]
    music = ("MusicOnHoldStart", "MusicOnHoldStop")
    assert filters == [
        f"eventfilter(action(include),name({event})) ="
        for event in ("DeviceStateChange", *music, "FullyBooted", "OriginateResponse", "FullyBooted")
    ]
