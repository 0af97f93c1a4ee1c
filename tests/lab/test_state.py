"""A truncated, altered or deleted state of Pulumi is noticed and restored; the next `pulumi up` has nothing to do."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.errors import IntegrityError
from freehold.fleet.labconfig import STACK
from freehold.fleet.pulumi_environment import lab_folders
from freehold.fleet.state_backup_copies import Place, copies
from freehold.paths import PROJECT
from freehold.process import Completed, run
from freehold.status.gather import Access

UP = ("up", "--yes", "--skip-preview", "--non-interactive", "--color", "never")


def freehold(*words: str) -> Completed:
    return run([PROJECT / ".venv/bin/freehold", "fleet", "state", *words], check=False, timeout=60)


def flip(file: Path) -> None:
    """One letter of one URN: still JSON, still a state that Pulumi reads."""
    file.write_bytes(file.read_bytes().replace(b"-bootstrap", b"-bootstrip", 1))


@pytest.fixture
def place(pulumi: Callable[..., str]) -> Place:
    """The lab's state, with a copy of it as it is now."""
    assert "unchanged" in pulumi(*UP)
    return Place(lab_folders().backend, STACK)


@pytest.mark.parametrize("damage", [lambda file: os.truncate(file, 1000), flip, Path.unlink])
def test_damage_is_noticed_restored_and_the_next_up_changes_nothing(
    place: Place, damage: Callable[[Path], object], pulumi: Callable[..., str]
) -> None:
    before = place.file.read_bytes()
    assert freehold("verify").returncode == 0
    damage(place.file)
    refused = freehold("verify")
    assert refused.returncode == IntegrityError.exit_code
    assert "STATE_DAMAGED" in refused.stderr
    assert "freehold fleet state restore" in refused.stderr
    restored = freehold("restore")
    assert restored.returncode == 0, restored.stderr
    assert place.file.read_bytes() == before
    summary = pulumi(*UP)
    assert "unchanged" in summary
    assert not any(word in summary for word in (" created", " updated", " deleted", " replaced")), summary
    assert freehold("verify").returncode == 0


def test_copies_keep_no_secret_and_nobody_else_reads_them(place: Place, access: Access) -> None:
    assert copies(place)
    assert place.folder.stat().st_mode & 0o077 == 0
    assert "ciphertext" in copies(place)[-1].path.read_text(encoding="utf-8")
    for copy in copies(place):
        assert copy.path.stat().st_mode & 0o077 == 0
        text = copy.path.read_text(encoding="utf-8")
        assert access.client_key not in text
        assert "BEGIN OPENSSH PRIVATE KEY" not in text
        nothing_yet = not json.loads(text)["checkpoint"]["latest"].get("resources")  # the copy before the first `up`
        assert "ciphertext" in text or nothing_yet
        checked = subprocess.run(["sha256sum", "--check", copy.digest_file.name], cwd=place.folder, check=False)
        assert checked.returncode == 0
