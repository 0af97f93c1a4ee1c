"""The step before all others: what it installs is a list with reasons, and it leaves no daemon behind."""

import os
from pathlib import Path

from freehold import environment


def test_names_are_read_without_their_reasons() -> None:
    assert environment.wanted_packages("# all\nnginx-light  # serves\n\ngcc # builds\n") == ["nginx-light", "gcc"]


def test_every_os_package_has_a_reason() -> None:
    lines = environment.OS_PACKAGES.read_text(encoding="utf-8").splitlines()
    bare = [line for line in lines if line.strip() and not line.startswith("#") and "# " not in line]
    assert bare == []


def test_a_package_that_is_not_there_counts_as_missing() -> None:
    assert environment.installed_packages(["dpkg", "no-such-package-here"]) == {"dpkg"}


def test_daemons_are_held_only_while_apt_runs(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with environment.no_daemon_starts(policy):
        assert os.access(policy, os.X_OK)
        assert "exit 101" in policy.read_text()
    assert not policy.exists()


def test_a_policy_of_the_owner_is_left_alone(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("the owner's")
    with environment.no_daemon_starts(policy):
        assert policy.read_text() == "the owner's"
    assert policy.read_text() == "the owner's"
