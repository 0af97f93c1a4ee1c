"""Put back is what no role would put back, it is said, and what lay there is kept."""

import pytest
from tests.unit.drift.conftest import GATEWAY, UNIT, Node

from freehold.drift import node as command
from freehold.drift import units

DROP_IN = f"{UNIT}.d/override.conf"
ASIDE = "/var/backups/freehold/drift"


def restored(node: Node) -> list[str]:
    done: list[str] = command.restore(node.machine)["restored"]
    return done


def test_a_node_as_it_should_be_is_left_alone(gateway: Node) -> None:
    assert restored(gateway) == []
    assert gateway.ran == []


def test_a_node_without_a_baseline_has_nothing_to_go_back_to(node: Node) -> None:
    assert restored(node) == []


def test_a_foreign_drop_in_is_moved_aside_and_its_service_restarted(gateway: Node) -> None:
    gateway.write(DROP_IN, "[Service]\nUser=root\n")
    assert restored(gateway) == [f"{DROP_IN} moved to {ASIDE}"]
    assert gateway.path(ASIDE + DROP_IN).read_text() == "[Service]\nUser=root\n"
    assert not gateway.path(f"{UNIT}.d").exists()
    assert gateway.ran == [["systemctl", "daemon-reload"], ["systemctl", "--no-block", "try-restart", GATEWAY]]
    assert command.probe(gateway.machine)["items"] == []


def test_what_was_moved_aside_before_is_kept(gateway: Node) -> None:
    for text in ("first", "second"):
        gateway.write(DROP_IN, text)
        restored(gateway)
    assert gateway.path(ASIDE + DROP_IN).read_text() == "first"
    assert gateway.path(f"{ASIDE}{DROP_IN}.1").read_text() == "second"


def test_a_drop_in_that_a_task_wrote_stays(gateway: Node) -> None:
    gateway.write(DROP_IN, "")
    gateway.keep(files={DROP_IN: {"kind": "file"}})
    assert restored(gateway) == []


@pytest.mark.parametrize("folder", ["/run/systemd/system", "/etc/systemd/system.control"])
@pytest.mark.parametrize("name", [GATEWAY, "freehold-.service"])
def test_drop_ins_in_every_place_that_systemd_reads_are_found(gateway: Node, folder: str, name: str) -> None:
    gateway.write(f"{folder}/{name}.d/x.conf", "")
    assert len(restored(gateway)) == 1


def test_a_mask_is_lifted_and_the_role_writes_the_file_again(gateway: Node) -> None:
    gateway.path(UNIT).unlink()
    gateway.link(UNIT, "/dev/null")
    gateway.link(f"/run/systemd/system/{GATEWAY}", "/dev/null")
    assert restored(gateway) == [f"{UNIT} unmasked", f"/run/systemd/system/{GATEWAY} unmasked"]
    assert not gateway.path(UNIT).is_symlink()


def test_a_unit_that_is_meant_to_be_masked_stays_so(node: Node) -> None:
    node.link("/etc/systemd/system/apt-daily.timer", "/dev/null")
    node.keep(units={"apt-daily.timer": {"masked": True, "active": False}})
    assert restored(node) == []
    node.path("/etc/systemd/system/apt-daily.timer").unlink()
    (item,) = command.probe(node.machine)["items"]
    assert (item["wanted"], item["found"]) == ("masked", "not masked")


def test_a_kernel_setting_is_written_back(node: Node) -> None:
    node.write("/etc/sysctl.d/zz-freehold.conf", "net.x = 2\nnet.gone = 1\n")
    node.write("/proc/sys/net/x", "0\n")
    node.keep(files={"/etc/sysctl.d/zz-freehold.conf": {"kind": "file"}})
    assert restored(node) == ["net.x set from 0 to 2"]
    assert node.path("/proc/sys/net/x").read_text() == "2\n"


def packages(node: Node, version: str) -> None:
    node.keep(packages={"curl": True})
    node.write("/var/lib/dpkg/status", f"Package: curl\nStatus: install ok installed\nVersion: {version}\n")


def test_a_package_goes_back_to_its_version(node: Node) -> None:
    packages(node, "9")
    assert restored(node) == ["package curl: 9 back to 7.88.1-10"]
    assert [words[-1] for words in node.ran] == ["curl=7.88.1-10", "curl"]
    assert "--allow-downgrades" in node.ran[0]


def test_a_package_that_was_put_on_hold_is_let_go(node: Node) -> None:
    node.keep(packages={"curl": True})
    node.write("/var/lib/dpkg/status", "Package: curl\nStatus: hold ok installed\nVersion: 7.88.1-10\n")
    assert restored(node) == ["package curl: 7.88.1-10 held back to 7.88.1-10"]
    assert node.ran == [["apt-mark", "unhold", "curl"]]


def test_a_version_that_a_newer_bundle_has_no_more_gives_way_to_the_bundles(node: Node) -> None:
    packages(node, "9")
    node.refused = {"curl=7.88.1-10"}
    restored(node)
    assert [words[-1] for words in node.ran] == ["curl=7.88.1-10", "update", "curl=7.88.1-10", "curl", "curl"]


def test_a_package_that_the_bundle_does_not_have_is_an_error(node: Node) -> None:
    packages(node, "9")
    node.refused = {"curl=7.88.1-10", "curl"}
    with pytest.raises(OSError, match="curl"):
        restored(node)


def test_the_places_of_drop_ins_are_those_of_systemd() -> None:
    assert units.names("freehold-runtime@small-chat.service") == [
        "freehold-runtime@small-chat.service",
        "freehold-runtime@.service",
        "freehold-.service",
    ]
    assert units.names("a-b-c.timer") == ["a-b-c.timer", "a-b-.timer", "a-.timer"]


def test_a_vendors_unit_that_changed_is_told(node: Node) -> None:
    node.write("/usr/lib/systemd/system/clock.service", "[Service]\n")
    node.keep(units={"clock.service": {"enabled": False}})
    node.write("/usr/lib/systemd/system/clock.service.d/x.conf", "")
    (item,) = command.probe(node.machine)["items"]
    assert item["found"].startswith("/usr/lib/systemd/system/clock.service.d/x.conf sha256:e3b0c44298fc")
