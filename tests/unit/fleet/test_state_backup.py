"""Each change leaves two numbered copies of the state with their digests; nothing of it can stop the change."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.fleet.waiting import wait_for

from freehold.fleet import state_backup
from freehold.fleet import state_backup_copies as backups
from freehold.fleet.state_backup_copies import SECRET, SIGNATURE, Place

SEALED = {SIGNATURE: SECRET, "ciphertext": "v1:…"}


def checkpoint(*names: str, **more: Any) -> bytes:
    resources = [{"urn": f"urn:pulumi:lab::fleet::t::{name}", "outputs": {"key": SEALED}} for name in names]
    return json.dumps({"version": 3, "checkpoint": {"latest": {"resources": resources, **more}}}).encode()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path / "state", "lab")
    found.file.parent.mkdir(parents=True)
    return found


def test_a_copy_is_numbered_private_and_has_a_digest_that_sha256sum_reads(place: Place) -> None:
    place.file.write_bytes(checkpoint("a"))
    copy = backups.save(place, "before")
    assert copy
    assert copy.path.name == "000001-before.json"
    assert copy.path.read_bytes() == place.file.read_bytes()
    assert [path.stat().st_mode & 0o777 for path in (copy.path, copy.digest_file, copy.path.parent)] == [
        0o600,
        0o600,
        0o700,
    ]
    done = subprocess.run(["sha256sum", "--check", copy.digest_file.name], cwd=place.folder, check=False)
    assert done.returncode == 0
    assert backups.counts(copy.path.read_bytes()) == (1, 0)


def test_the_same_state_is_copied_once(place: Place) -> None:
    place.file.write_bytes(checkpoint("a"))
    assert backups.save(place, "before")
    assert backups.save(place, "after") is None
    place.file.write_bytes(checkpoint("a", "b"))
    assert backups.save(place, "after")
    assert [copy.number for copy in backups.copies(place)] == [1, 2]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "an empty file"),
        (checkpoint("a")[:-9], "no JSON"),
        (b"[]", "no checkpoint"),
        (b'{"version": 3}', "no checkpoint"),
        (b'{"version": 1, "checkpoint": {"latest": null}}', "version 1"),
        (b'{"version": 3, "checkpoint": {"latest": {"resources": [{}]}}}', "without URN"),
        (checkpoint("a").replace(b"ciphertext", b"plaintext"), "not encrypted"),
    ],
)
def test_what_is_no_state_is_named_and_never_becomes_a_copy(place: Place, data: bytes, reason: str) -> None:
    assert reason in backups.fault_of(data)
    place.file.write_bytes(data)
    assert backups.save(place, "before") is None
    assert backups.copies(place) == []


def test_an_empty_stack_is_a_good_state(place: Place) -> None:
    place.file.write_bytes(b'{"version": 3, "checkpoint": {"stack": "lab", "latest": null}}')
    copy = backups.save(place, "before")
    assert copy
    assert copy.fault() == ""


def test_the_oldest_copies_go_with_their_digests(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "KEPT", 3)
    for number in range(5):
        place.file.write_bytes(checkpoint(f"r{number}"))
        backups.save(place, "after")
    assert [copy.number for copy in backups.copies(place)] == [3, 4, 5]
    assert len(list(place.folder.glob("*.sha256"))) == 3


def test_an_altered_copy_is_found_by_its_digest(place: Place) -> None:
    place.file.write_bytes(checkpoint("a"))
    copy = backups.save(place, "before")
    assert copy
    assert copy.fault() == ""
    copy.path.write_bytes(checkpoint("b"))
    assert "SHA-256" in copy.fault()
    copy.digest_file.unlink()
    assert "SHA-256" in copy.fault()


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///srv/state%20a", Path("/srv/state a")),
        ("file://~/state", Path(pwd.getpwuid(os.getuid()).pw_dir) / "state"),
        ("file:///~/state", Path("/~/state")),
        ("file://state?no_tmp_dir=true", Path.cwd() / "state"),
        ("s3://bucket", None),
        ("", None),
    ],
)
def test_only_a_folder_is_copied(url: str, folder: Path | None) -> None:
    assert state_backup.backend_folder({"PULUMI_BACKEND_URL": url, "HOME": "/elsewhere"}) == folder


def test_a_folder_that_cannot_be_written_is_a_warning_and_no_more(place: Place) -> None:
    place.file.write_bytes(checkpoint("a"))
    place.folder.parent.parent.write_text("a file in the way")
    told = state_backup.begin("lab", environment={"PULUMI_BACKEND_URL": f"file://{place.backend}"})
    assert told.startswith("the state was not copied aside: ")


def test_the_state_is_copied_again_when_pulumi_ends_however_it_ends(place: Place) -> None:
    """A parent named pulumi, a child that begins, a state that changes, and `kill -9`."""
    place.file.write_bytes(checkpoint("a"))
    child = "from freehold.fleet import state_backup; assert state_backup.begin('lab') == ''"
    program = (
        "import subprocess, sys; open('/proc/self/comm', 'w').write('pulumi');"
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True); print(flush=True); input()"
    )
    env = {**os.environ, "PULUMI_BACKEND_URL": f"file://{place.backend}"}
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, env=env) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"\n"
        place.file.write_bytes(checkpoint("a", "b"))
        parent.kill()
    wanted = hashlib.sha256(checkpoint("a", "b")).hexdigest()
    wait_for(lambda: [(c.moment, c.digest) for c in backups.copies(place)][1:] == [("after", wanted)])
    assert backups.copies(place)[0].moment == "before"
    wait_for(lambda: list(place.folder.glob(".watch-*")) == [])


def test_the_second_watcher_leaves_it_to_the_first_and_waiting_is_bounded(place: Place) -> None:
    place.folder.mkdir(parents=True)
    descriptor = os.pidfd_open(os.getpid())
    assert state_backup.watch(descriptor, os.getpid(), place, limit=0.0) is False
    with (place.folder / ".watch-7").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert state_backup.watch(descriptor, 7, place) is False
    os.close(descriptor)
