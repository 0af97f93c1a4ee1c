"""What becomes the baseline: what tasks wrote, not what somebody put there meanwhile; and nothing is forgotten."""

from typing import Any

from tests.unit.drift.conftest import GATEWAY, UNIT, Node

from freehold.drift import node as command
from freehold.drift import reading

SHA1_OF_ONE = "fe05bcdcdc4928012781a5f1a2a77cbb5398e106"  # of the text "one"


def found(node: Node) -> list[tuple[str, str]]:
    return [(item["name"], item["found"]) for item in command.probe(node.machine)["items"]]


def told(**more: Any) -> dict[str, Any]:
    return {"/etc/x": {"kind": "file", "sha1": SHA1_OF_ONE, "mode": "0640", **more}}


def test_what_a_task_wrote_is_kept_by_a_strong_digest(node: Node, me: str) -> None:
    node.write("/etc/x", "one", 0o640)
    (entry,) = node.keep(files=told(owner=me))["files"].values()
    assert entry["digest"].startswith("sha256:")
    assert found(node) == []


def test_an_edit_between_the_task_and_the_snapshot_is_not_taken_for_the_owners_will(node: Node, me: str) -> None:
    node.write("/etc/x", "two", 0o666)
    node.keep(files=told(owner=me))
    ((name, says),) = found(node)
    assert name == "/etc/x"
    assert says.startswith("content sha1:ad782ecdac77")
    assert says.endswith("mode 0666")
    node.write("/etc/x", "one", 0o640)
    assert found(node) == []


def test_a_file_that_went_before_the_snapshot_is_missed(node: Node) -> None:
    node.keep(files=told())
    assert found(node) == [("/etc/x", "absent")]


def test_a_task_that_left_the_content_alone_does_not_take_a_hands_edit_for_the_owners_will(node: Node, me: str) -> None:
    """A copy with ``force: false`` makes a file once; another playbook writes into it."""
    node.write("/etc/x", "one", 0o640)
    node.keep(files=told(owner=me), whole=False)
    node.write("/etc/x", "two", 0o640)
    node.keep(files={"/etc/x": {"kind": "file"}})
    assert [name for name, _ in found(node)] == ["/etc/x"]
    node.keep(files={"/etc/x": {"kind": "file", "changed": "yes"}})
    assert found(node) == []


def test_a_link_and_a_folder_are_compared_without_content(node: Node, me: str) -> None:
    node.write("/opt/d/inner", "")
    node.path("/opt/d").chmod(0o755)
    node.link("/opt/l", "d")
    node.keep(
        files={
            "/opt/l": {"kind": "link", "target": "d"},
            "/opt/d": {"kind": "directory", "mode": "0755", "owner": me},
        }
    )
    node.write("/opt/d/other", "")
    assert found(node) == []
    node.path("/opt/l").unlink()
    node.link("/opt/l", "/dev/null")
    assert found(node) == [("/opt/l", "link to /dev/null")]


def test_a_unit_that_only_a_timer_starts_is_watched_for_drop_ins(node: Node) -> None:
    node.write("/etc/systemd/system/job.service", "")
    node.write("/etc/systemd/system/many@.service", "")
    made = node.keep(files={f"/etc/systemd/system/{name}.service": {"kind": "file"} for name in ("job", "many@")})
    assert made["units"] == {"job.service": {"parts": {}}}
    node.write("/etc/systemd/system/job.service.d/x.conf", "")
    assert [name for name, _ in found(node)] == ["job.service"]


def test_what_a_later_run_skips_is_carried_over(gateway: Node) -> None:
    before = gateway.keep(units={GATEWAY: {"active": True}})
    assert UNIT in before["files"]
    assert before["units"][GATEWAY]["enabled"] is True
    assert before["packages"] == {"curl": "7.88.1-10"}


def test_a_whole_run_settles_what_it_does_not_state_and_a_part_does_not(gateway: Node) -> None:
    gateway.write("/etc/freehold/gateway.json", "other")
    gateway.keep(whole=False)
    assert len(found(gateway)) == 1
    gateway.keep(whole=True)
    assert found(gateway) == []


def test_what_was_removed_or_retired_is_watched_no_more(gateway: Node) -> None:
    made = gateway.keep(removed=["/etc/freehold"], retired=[GATEWAY])
    assert list(made["files"]) == [UNIT]
    assert made["units"] == {}


def test_a_package_that_nobody_has_is_a_virtual_one(node: Node) -> None:
    made = node.keep(packages={"mail-transport-agent": True, "curl": True, "kept": True, "snapd": False})
    assert made["packages"] == {"curl": "7.88.1-10", "kept": "2.0 held", "snapd": ""}


def test_a_package_that_went_after_its_task_is_missed(node: Node) -> None:
    node.keep(packages={"curl": True})
    node.write("/var/lib/dpkg/status", "")
    node.keep(packages={"curl": True})
    assert found(node) == [("curl", "absent")]


def test_accounts_are_kept_as_their_entries_say_without_a_password(node: Node) -> None:
    node.write("/etc/passwd", "svc:x:101:102:comment:/nonexistent:/usr/sbin/nologin\n")
    node.write("/etc/group", "readers:x:103:svc\n")
    made = node.keep(accounts=["user svc", "group readers"])
    assert made["accounts"] == {
        "user svc": "number 101, group 102, home /nonexistent, shell /usr/sbin/nologin",
        "group readers": "number 103",
    }
    node.write("/etc/passwd", "svc:x:101:102:comment:/nonexistent:/bin/bash\n")
    assert found(node) == [("user svc", "number 101, group 102, home /nonexistent, shell /bin/bash")]


def test_kernel_settings_are_those_of_the_declared_files_and_compared_live(node: Node) -> None:
    node.write(
        "/etc/sysctl.d/zz-freehold.conf",
        "# why = x\n-net.not.here = 1\n-net.ipv4.conf.all.rp_filter = 2\n\nvm.x=1  2\nnet.gone = 1\n",
    )
    node.write("/proc/sys/net/ipv4/conf/all/rp_filter", "2\n")
    node.write("/proc/sys/vm/x", "1\t2\n")
    node.write("/proc/sys/net/gone", "1\n")
    made = node.keep(files={"/etc/sysctl.d/zz-freehold.conf": {"kind": "file"}})
    assert made["sysctl"] == {"net.ipv4.conf.all.rp_filter": "2", "vm.x": "1 2", "net.gone": "1"}
    assert found(node) == []
    node.write("/proc/sys/net/ipv4/conf/all/rp_filter", "0\n")
    node.path("/proc/sys/net/gone").unlink()
    assert found(node) == [("net.gone", "absent"), ("net.ipv4.conf.all.rp_filter", "0")]


def test_a_table_of_accounts_that_somebody_broke_is_read_all_the_same(node: Node) -> None:
    node.write("/etc/passwd", "svc:x:101:102::/nonexistent:/usr/sbin/nologin\n")
    node.keep(accounts=["user svc"])
    node.path("/etc/passwd").write_bytes(b"\nsvc:x:101\n\xff:\n")
    (item,) = command.probe(node.machine)["items"]
    assert (item["kind"], item["name"], item["found"]) == ("user", "user svc", "absent")


def test_a_kernel_setting_that_shows_nothing_has_no_value(node: Node) -> None:
    node.path("/proc/sys/net/flush").mkdir(parents=True)
    assert reading.sysctl(node.machine, ["net.flush"]) == {"net.flush": ""}
