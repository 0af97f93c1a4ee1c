"""The lab's stamp changes with whatever decides what a node becomes, and with nothing else."""

from pathlib import Path

import pytest

from freehold.lab import stamp
from freehold.paths import LabPaths


@pytest.fixture
def project(tmp_path: Path) -> Path:
    tree = tmp_path / "project"
    (tree / "roles/base").mkdir(parents=True)
    (tree / "roles/base/main.yml").write_text("a: 1\n")
    (tree / "docs").mkdir()
    return tree


def test_a_lab_fits_the_tree_that_raised_it_until_the_tree_changes(project: Path, tmp_path: Path) -> None:
    paths = LabPaths(tmp_path)
    assert not stamp.fits(paths, project)
    stamp.write(paths, project)
    assert stamp.fits(paths, project)
    (project / "roles/base/main.yml").write_text("a: 2\n")
    assert not stamp.fits(paths, project)


def test_a_lab_with_another_engine_does_not_fit(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stamp.write(LabPaths(tmp_path), project)
    monkeypatch.setenv("FREEHOLD_LAB_ENGINE", "vllm")
    assert not stamp.fits(LabPaths(tmp_path), project)


def test_a_mode_and_a_name_count_too(project: Path) -> None:
    before = stamp.tree_digest(project)
    (project / "roles/base/main.yml").chmod(0o755)
    executable = stamp.tree_digest(project)
    (project / "roles/base/main.yml").rename(project / "roles/base/other.yml")
    assert len({before, executable, stamp.tree_digest(project)}) == 3


def test_documents_and_caches_do_not_count(project: Path) -> None:
    before = stamp.tree_digest(project)
    (project / "docs/page.md").write_text("more")
    (project / "roles/base/__pycache__").mkdir()
    (project / "roles/base/__pycache__/x.pyc").write_bytes(b"x")
    assert stamp.tree_digest(project) == before
