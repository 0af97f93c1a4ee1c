"""What tasks say about themselves becomes what a node is compared with; the shapes are those of ansible-core 2.19."""

from typing import Any

import pytest

from freehold.drift.declared import Declared


def ran(action: str, given: dict[str, Any] | None = None, **result: Any) -> tuple[str, dict[str, Any]]:
    return f"ansible.builtin.{action}", {"changed": False, "invocation": {"module_args": given or {}}, **result}


def declared(*results: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    found = Declared()
    for action, result in results:
        found.note(action, result)
    return found.as_json()


def written(path: str, **more: Any) -> dict[str, Any]:
    return {"dest": path, "state": "file", "checksum": "6f", "mode": "0644", "owner": "root", "group": "root", **more}


def test_a_written_file_is_declared_with_what_ansible_knows_of_it() -> None:
    wanted = {"kind": "file", "sha1": "6f", "mode": "0644", "owner": "root:root"}
    for action in ("copy", "template"):
        assert declared(ran(action, **written("/etc/x")))["files"] == {"/etc/x": wanted}


def test_a_link_has_a_target_and_a_folder_no_content() -> None:
    found = declared(
        ran("file", dest="/opt/l", state="link", src="d", mode="0777"),
        ran("file", path="/opt/d", state="directory", mode="0755", owner="root", group="root"),
    )["files"]
    assert found == {
        "/opt/l": {"kind": "link", "target": "d"},
        "/opt/d": {"kind": "directory", "mode": "0755", "owner": "root:root"},
    }


def test_the_last_word_on_a_path_counts() -> None:
    line = ran("lineinfile", {"path": "/etc/x"}, msg="line added", changed=True)
    found = declared(ran("copy", **written("/etc/x")), line)["files"]
    assert found == {"/etc/x": {"kind": "file", "changed": "yes"}}


def test_what_was_taken_away_is_declared_no_more_and_all_below_it() -> None:
    gone = ran("file", path="/etc/a", state="absent")
    found = declared(ran("copy", **written("/etc/a/b")), ran("copy", **written("/etc/ab")), gone)
    assert (list(found["files"]), found["removed"]) == (["/etc/ab"], ["/etc/a"])
    again = declared(gone, ran("copy", **written("/etc/a")))
    assert (list(again["files"]), again["removed"]) == (["/etc/a"], [])


def test_items_of_a_loop_count_one_by_one_and_skipped_or_failed_ones_not() -> None:
    loop = [
        {**written("/etc/1"), "item": 1},
        {"item": 2, "skipped": True},
        {**written("/etc/3"), "failed": True},
        {"censored": "hidden"},
    ]
    assert list(declared(ran("template", results=loop))["files"]) == ["/etc/1"]


def test_what_must_not_be_shown_declares_nothing() -> None:
    assert declared(("copy", {"censored": "the output has been hidden", "changed": True})) == Declared().as_json()


def test_words_on_a_unit_add_up() -> None:
    found = declared(
        ran("systemd_service", {"name": "a.service", "state": "restarted", "daemon_reload": True}),
        ran("systemd_service", {"name": "a", "enabled": True, "masked": False, "state": "started"}),
        ran("systemd_service", {"name": "apt-daily.timer", "masked": True, "state": "stopped"}),
        ran("systemd_service", {"name": "clock.service", "enabled": True, "state": None}),
        ran("systemd_service", {"name": None, "daemon_reload": True}),
        ran("systemd_service", {"name": "theirs", "scope": "user", "state": "started"}),
    )["units"]
    assert found == {
        "a.service": {"active": True, "enabled": True, "masked": False},
        "apt-daily.timer": {"active": False, "masked": True},
        "clock.service": {"enabled": True},
    }


def test_a_unit_that_was_retired_is_watched_no_more() -> None:
    start = ran("systemd_service", {"name": "a", "enabled": True, "state": "started"})
    stop = ran("systemd_service", {"name": "a", "enabled": False, "state": "stopped"})
    assert declared(start, stop)["retired"] == ["a.service"]
    assert declared(stop, start)["retired"] == []


@pytest.mark.parametrize("name", [["a=1.2", "b:amd64"], "a, b"])
def test_packages_come_as_a_list_or_a_text_with_or_without_versions(name: Any) -> None:
    assert declared(ran("apt", {"name": name, "state": "present"}))["packages"] == {"a": True, "b": True}


def test_packages_that_must_not_be_there_are_declared_too_and_patterns_not() -> None:
    found = declared(
        ran("apt", {"name": ["snapd", "linux-*"], "state": "absent"}), ran("apt", {"name": None, "update_cache": True})
    )
    assert found["packages"] == {"snapd": False}


def test_users_and_groups_are_told_apart() -> None:
    found = declared(
        ran("user", {"name": "svc", "shell": "/usr/sbin/nologin", "state": "present"}, name="svc"),
        ran("group", {"name": "readers", "state": "present"}, name="readers"),
        ran("user", {"name": "old", "shell": None, "state": "present"}, name="old"),
        ran("user", {"name": "old", "shell": None, "state": "absent"}, name="old"),
    )
    assert found["accounts"] == ["group readers", "user svc"]


def test_a_module_that_only_looks_declares_nothing() -> None:
    assert declared(ran("stat", {"path": "/etc/x"}), ran("command", {"creates": "/etc/x"})) == Declared().as_json()
