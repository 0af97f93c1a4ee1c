from __future__ import annotations

from pathlib import Path

from tests.unit.lab.conftest import Recorder

from freehold.lab import mounts

TABLE = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:26 / /sys/fs/cgroup/unified rw,relatime shared:9 master:3 - cgroup2 cgroup2 rw
31 22 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
40 22 0:50 / /lab/nodes/gpu1/root rw - overlay freehold-lab-gpu1 rw,lowerdir=/l,upperdir=/u
41 40 0:51 / /lab/nodes/gpu1/root/with\\040blank rw - tmpfs none rw
42 22 0:52 / /laboratory rw - tmpfs none rw
43 22 0:53 / /lab rw - ext4 /dev/vdb rw
"""


def test_the_table_is_read_with_its_optional_fields_and_escapes() -> None:
    found = {mount.point: mount for mount in mounts.parse(TABLE)}
    assert found["/sys/fs/cgroup/unified"].kind == "cgroup2"
    assert found["/sys/fs/cgroup/systemd"].options == "rw,name=systemd"
    assert found["/lab/nodes/gpu1/root"].source == "freehold-lab-gpu1"
    assert "/lab/nodes/gpu1/root/with blank" in found


def test_mounts_below_a_folder_come_last_made_first_without_the_folder_itself_or_namesakes() -> None:
    points = [mount.point for mount in mounts.below(mounts.parse(TABLE), Path("/lab"))]
    assert points == ["/lab/nodes/gpu1/root/with blank", "/lab/nodes/gpu1/root"]


def test_a_path_lies_on_the_mount_with_the_longest_point() -> None:
    table = mounts.parse(TABLE)
    assert [getattr(mounts.holding(table, Path(path)), "point", "") for path in ("/lab/x", "/var", "/laboratory")] == [
        "/lab",
        "/",
        "/laboratory",
    ]


def test_a_busy_mount_is_detached(recorder: Recorder) -> None:
    recorder.failing.add("umount /busy")
    mounts.unmount(recorder, "/busy")
    mounts.unmount(recorder, "/free")
    assert recorder.asked == ["umount /busy", "umount --lazy /busy", "umount /free"]


def test_the_real_table_can_be_read() -> None:
    assert any(mount.point == "/" for mount in mounts.read())
