"""A truncated, altered or missing state is noticed and the newest good copy put back; a live pulumi is left alone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from freehold.cli import build
from freehold.errors import FreeholdErrors, IntegrityError, LockedError, RefusedError
from freehold.fleet import state_backup_copies as backups
from freehold.fleet import state_backup_restore as restoring
from freehold.fleet.state_backup_copies import Place
from freehold.process import Completed, ProcessError


def checkpoint(*names: str) -> bytes:
    resources = [{"urn": f"urn:pulumi:lab::fleet::t::{name}"} for name in names]
    return json.dumps({"version": 3, "checkpoint": {"latest": {"resources": resources}}}).encode()


def written_by_pulumi(place: Place, data: bytes) -> None:
    place.file.write_bytes(data)
    md5 = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    place.attributes.write_text(json.dumps({"user.content_type": "text/plain", "md5": md5}))


class Pulumi:
    """Stands for the CLI; ``code`` is how its export ends."""

    def __init__(self, code: int = 0) -> None:
        self.code, self.words = code, [""]

    def __call__(self, args: Sequence[Any], **_: Any) -> Completed:
        self.words = [str(arg) for arg in args]
        return Completed((), self.code, "", "cannot read it")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A state with two copies; the second is what Pulumi wrote last."""
    found = Place(tmp_path / "state", "lab")
    found.file.parent.mkdir(parents=True)
    for names in (("a",), ("a", "b")):
        written_by_pulumi(found, checkpoint(*names))
        backups.save(found, "after")
    return found


def mend(place: Place, pulumi: Pulumi | None = None) -> list[str]:
    return restoring.mend(place, env={}, cwd=place.backend, runner=pulumi or Pulumi())


def flip(place: Place) -> None:
    """One byte of a value: still JSON, still a checkpoint."""
    place.file.write_bytes(place.file.read_bytes().replace(b"::b", b"::c"))


DAMAGE: list[tuple[Callable[[Place], object], str]] = [
    (lambda place: os.truncate(place.file, 40), "no JSON"),
    (lambda place: os.truncate(place.file, 0), "an empty file"),
    (lambda place: place.file.unlink(), "missing"),
    (flip, "not what Pulumi wrote"),
]


@pytest.mark.parametrize(("damage", "reason"), DAMAGE)
def test_damage_is_noticed_and_mended_from_the_newest_good_copy(
    place: Place, damage: Callable[[Place], object], reason: str
) -> None:
    assert restoring.fault(place) == ""
    assert mend(place) == []
    damage(place)
    with pytest.raises(IntegrityError) as caught:
        restoring.check(place)
    assert reason in caught.value.found
    assert caught.value.fix.startswith("freehold fleet state restore")
    told, pulumi = [], Pulumi()
    told = mend(place, pulumi)
    assert reason in told[0]
    assert told[1] == "restored copy 2 (after a change): 2 resources, 0 pending"
    assert place.file.read_bytes() == checkpoint("a", "b")
    assert restoring.fault(place) == ""
    assert pulumi.words[:3] == ["pulumi", "stack", "export"]
    restoring.check(place)


def test_what_is_restored_is_guarded_again(place: Place) -> None:
    os.truncate(place.file, 0)
    mend(place)
    flip(place)
    assert "not what Pulumi wrote" in restoring.fault(place)


def test_what_lay_there_is_kept_aside(place: Place) -> None:
    place.file.write_bytes(b"scribble")
    kept = Path(mend(place)[-1].partition("kept as ")[2])
    assert kept.read_bytes() == b"scribble"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_good_state_that_is_replaced_is_itself_a_copy(place: Place) -> None:
    written_by_pulumi(place, checkpoint("a", "b", "c"))
    restoring.restore(place, 1, env={}, cwd=place.backend, runner=Pulumi())
    assert place.file.read_bytes() == checkpoint("a")
    assert backups.copies(place)[-1].path.read_bytes() == checkpoint("a", "b", "c")


def test_a_damaged_copy_is_passed_over_and_named(place: Place) -> None:
    newest = backups.copies(place)[-1]
    newest.path.write_bytes(checkpoint("b", "a"))
    os.truncate(place.file, 0)
    with pytest.raises(FreeholdErrors) as caught:
        restoring.check(place)
    assert [error.code for error in caught.value.errors] == ["STATE_DAMAGED", "STATE_COPY_DAMAGED"]
    assert mend(place)[1].startswith("restored copy 1 ")


@pytest.mark.parametrize("number", [2, 9])
def test_a_copy_that_is_damaged_or_is_not_there_is_refused(place: Place, number: int) -> None:
    backups.copies(place)[-1].path.write_bytes(b"{}")
    with pytest.raises(RefusedError, match="STATE_COPY_UNUSABLE"):
        restoring.restore(place, number, env={}, cwd=place.backend, runner=Pulumi())
    assert place.file.read_bytes() == checkpoint("a", "b")


def test_without_a_good_copy_it_says_so(place: Place) -> None:
    for copy in backups.copies(place):
        copy.path.write_bytes(b"")
    os.truncate(place.file, 0)
    with pytest.raises(IntegrityError, match="no good copy among 2"):
        mend(place)


def test_a_stack_that_never_was_is_no_damage(tmp_path: Path) -> None:
    assert restoring.fault(Place(tmp_path / "state", "lab")) == ""


def test_a_live_pulumi_keeps_its_state(place: Place) -> None:
    path = place.backend / ".pulumi" / "locks" / "organization" / "fleet" / "lab" / "5e1.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"pid": 1, "username": "ann", "hostname": socket.gethostname(), "timestamp": "x"}))
    with pytest.raises(LockedError):
        restoring.restore(place, 1, env={}, cwd=place.backend, runner=Pulumi(), is_alive=lambda _: True)
    assert place.file.read_bytes() == checkpoint("a", "b")


def test_a_state_that_pulumi_does_not_read_is_told(place: Place) -> None:
    os.truncate(place.file, 0)
    with pytest.raises(ProcessError, match="STATE_NOT_READ"):
        mend(place, Pulumi(code=1))


def test_list_and_verify_on_the_command_line(place: Place) -> None:
    options = ["--state", str(place.backend.parent), "--json"]
    listed = CliRunner().invoke(build(), ["fleet", "state", "list", *options])
    rows = json.loads(listed.stdout)["copies"]
    assert [(row["number"], row["moment"], row["resources"], row["fault"]) for row in rows] == [
        (1, "after", 1, ""),
        (2, "after", 2, ""),
    ]
    verified = CliRunner().invoke(build(), ["fleet", "state", "verify", *options])
    assert json.loads(verified.stdout) == {"errors": [], "copies": 2}
    shown = CliRunner().invoke(build(), ["fleet", "state", "list", *options[:2]])
    assert "     2  after " in shown.stdout
