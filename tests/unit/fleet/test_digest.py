"""A digest changes with what a converge would see, and with nothing else."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest

from freehold.fleet import digest
from freehold.fleet import document as documents


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "role"
    (root / "tasks").mkdir(parents=True)
    (root / "tasks" / "main.yml").write_text("- a\n")
    (root / "templates").mkdir()
    (root / "templates" / "unit.j2").write_text("[Unit]\n")
    return root


def edit(root: Path) -> None:
    (root / "tasks" / "main.yml").write_text("- b\n")


def make_executable(root: Path) -> None:
    (root / "tasks" / "main.yml").chmod(0o755)


def rename(root: Path) -> None:
    (root / "tasks" / "main.yml").rename(root / "tasks" / "other.yml")


def move(root: Path) -> None:
    (root / "tasks" / "main.yml").rename(root / "templates" / "main.yml")


def add_empty(root: Path) -> None:
    (root / "tasks" / "empty.yml").touch()


def remove(root: Path) -> None:
    (root / "templates" / "unit.j2").unlink()


def link(root: Path) -> None:
    (root / "tasks" / "linked.yml").symlink_to("main.yml")


@pytest.mark.parametrize("change", [edit, make_executable, rename, move, add_empty, remove, link])
def test_a_real_change_changes_the_digest(tree: Path, change: Any) -> None:
    before = digest.of_tree(tree)
    change(tree)
    assert digest.of_tree(tree) != before


def touch(root: Path) -> None:
    os.utime(root / "tasks" / "main.yml", (1, 1))


def compile_something(root: Path) -> None:
    (root / "library" / "__pycache__").mkdir(parents=True)
    (root / "library" / "__pycache__" / "m.cpython-311.pyc").write_bytes(b"\0")
    (root / "stray.pyc").write_bytes(b"\0")


def leave_caches(root: Path) -> None:
    for name in (".ansible", ".cache", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".molecule"):
        (root / name).mkdir()
        (root / name / "file").touch()
    (root / "site.retry").touch()
    (root / "tasks" / "main.yml~").touch()


def document_it(root: Path) -> None:
    (root / "README.md").write_text("# The role\n")


@pytest.mark.parametrize("change", [touch, compile_something, leave_caches, document_it])
def test_time_stamps_caches_and_documentation_do_not(tree: Path, change: Any) -> None:
    before = digest.of_tree(tree)
    change(tree)
    assert digest.of_tree(tree) == before


def test_where_the_tree_lies_does_not_count(tree: Path, tmp_path: Path) -> None:
    before = digest.of_tree(tree)
    assert digest.of_tree(tree.rename(tmp_path / "elsewhere")) == before


def test_content_cannot_be_moved_between_neighbouring_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("12")
    (tmp_path / "b").write_text("3")
    before = digest.of_tree(tmp_path)
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("23")
    assert digest.of_tree(tmp_path) != before


def test_the_order_of_a_list_counts_and_that_of_a_mapping_does_not() -> None:
    assert digest.of_data({"a": 1, "b": [1, 2]}) == digest.of_data({"b": [1, 2], "a": 1})
    assert digest.of_data([1, 2]) != digest.of_data([2, 1])


def test_secrets_are_digested_under_a_key() -> None:
    one = digest.of_secrets({"operator": "secret"}, "key")
    assert one == digest.of_secrets({"operator": "secret"}, "key")
    assert one != digest.of_secrets({"operator": "secret"}, "other key")
    assert one != digest.of_secrets({"operator": "other"}, "key")
    assert one != digest.of_data({"operator": "secret"})


def test_each_role_has_a_digest_of_its_own(tmp_path: Path) -> None:
    for name in ("gateway", "node-exporter"):
        (tmp_path / "roles" / name).mkdir(parents=True)
        (tmp_path / "roles" / name / "main.yml").touch()
    before = digest.of_project(tmp_path, "example", "2.19.0")
    (tmp_path / "roles" / "gateway" / "main.yml").write_text("changed")
    after = digest.of_project(tmp_path, "example", "2.19.0")
    assert {name for name in after if after[name] != before[name]} == {"ROLE_GATEWAY"}
    assert "ROLE_NODE_EXPORTER" in after


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("ansible.cfg", "ANSIBLE"),
        ("playbooks/site.yml", "PLAYBOOKS"),
        ("playbooks/group_vars/all/base.yml", "GROUP_VARS"),
        ("inventory/example/group_vars/inference_nodes/time.yml", "GROUP_VARS"),
        ("inventory/plugins/freehold_stack.py", "PLUGINS"),
        ("collections/ansible_collections/a/b.yml", "ANSIBLE"),
    ],
)
def test_the_part_that_changed_is_named(tmp_path: Path, path: str, part: str) -> None:
    before = digest.of_project(tmp_path, "example", "2.19.0")
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("something")
    after = digest.of_project(tmp_path, "example", "2.19.0")
    assert {name for name in after if after[name] != before[name]} == {part}


def test_another_sites_inventory_does_not_count(tmp_path: Path) -> None:
    before = digest.of_project(tmp_path, "example", "2.19.0")
    (tmp_path / "inventory" / "lab").mkdir(parents=True)
    (tmp_path / "inventory" / "lab" / "x.yml").touch()
    assert digest.of_project(tmp_path, "example", "2.19.0") == before


def test_another_ansible_counts(tmp_path: Path) -> None:
    old, new = (digest.of_project(tmp_path, "example", version) for version in ("2.19.0", "2.19.1"))
    assert {name for name in new if new[name] != old[name]} == {"ANSIBLE"}


@pytest.mark.parametrize(
    ("change", "for_gpu1", "for_gpu2"),
    [
        (lambda d: d["hosts"][0].update(gpus=1), {"HOST"}, set()),
        (lambda d: d["models"][0].update(context=128), {"MODELS"}, {"MODELS"}),
        (lambda d: d["models"].reverse(), {"MODELS"}, {"MODELS"}),
        (lambda d: d["gateway"].update(port=81), {"GATEWAY"}, {"GATEWAY"}),
        (lambda d: d["bundle"].update(manifest_sha256="f" * 64), {"BUNDLE"}, {"BUNDLE"}),
        (lambda d: d["prices"].update(pue=1.5), {"PRICES"}, {"PRICES"}),
        (lambda d: d["site"].update(name="other"), {"SITE"}, {"SITE"}),
        (lambda d: d.update(something_new=1), {"SITE"}, {"SITE"}),
    ],
)
def test_a_host_sees_which_part_of_the_document_changed(
    document: dict[str, Any], change: Any, for_gpu1: set[str], for_gpu2: set[str]
) -> None:
    changed = copy.deepcopy(document)
    change(changed)
    for name, expected in (("gpu1", for_gpu1), ("gpu2", for_gpu2)):
        before, after = (digest.of_document(documents.view(one, name)) for one in (document, changed))
        assert {part for part in after if after[part] != before[part]} == expected


def test_the_environment_is_named_and_short() -> None:
    assert digest.environment({"BUNDLE": "ab" * 32}) == {"FREEHOLD_DIGEST_BUNDLE": "ab" * 8}
