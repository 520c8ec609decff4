"""What the Debian package brings, started by a real systemd: a caller is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.settings import SipLine
from appliance.telephony.debian_archive import machine_architecture
from card.debian_package import Package, write_package
from tests.calls.conftest import OFFICE
from tests.image import one_call
from tests.image.booted import Booted, NotPossible, runtime_libraries
from tests.image.test_services import AS_SUPERVISOR, SERVICES


@pytest.mark.timeout(900)
def test_a_machine_with_the_package_answers_a_call(tmp_path: Path) -> None:
    package = tmp_path / "freizeichen.deb"
    write_package(package, Package(machine_architecture(), "1", 0, packing=0), runtime_libraries(), tmp_path)
    try:
        box = Booted(tmp_path, SipLine("line", *one_call.ME), package=package)
    except NotPossible as error:
        pytest.skip(f"no systemd in namespaces on this machine: {error}")
    try:
        box.run("sh", "-c", "cat >/tmp/office.toml", given=OFFICE)
        box.run(*AS_SUPERVISOR, "freizeichen", "config", "import", "/tmp/office.toml")
        for service in SERVICES:
            box.wait_for(
                f"{service} runs", lambda service=service: box.shows(service, "ActiveState") == "active"
            )
        assert box.shows("asterisk", "FragmentPath").startswith("/etc/"), "not Debian's own"
        answered, spoken = box.run(
            "python3", "-I", "-", given=Path(one_call.__file__).read_text()
        ).splitlines()
        assert answered.startswith("200 ")
        assert spoken == "speech"
    finally:
        box.close()
