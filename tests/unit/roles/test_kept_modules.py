"""A node keeps what Python compiles of Ansible's modules, and whatever is wrong with what it kept costs time only."""

import importlib.util
import os
import subprocess
import sys
import zipfile
import zipimport
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from freehold.paths import PROJECT

FILE = PROJECT / "roles/base/files/sitecustomize.py"
SOURCE = b"answer = 42\n"

Compiler = Callable[[str, bytes], CodeType]


@pytest.fixture(scope="module")
def kept() -> ModuleType:
    """The file as a module, without its effect on this process."""
    spec = importlib.util.spec_from_file_location("kept_modules", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def compiled() -> list[bytes]:
    """What was really compiled."""
    return []


@pytest.fixture
def compiler(kept: ModuleType, compiled: list[bytes], tmp_path: Path) -> Compiler:
    def plain(path: str, source: bytes) -> CodeType:
        compiled.append(source)
        return compile(source, path, "exec")

    keeping: Compiler = kept.keeping(plain, str(tmp_path / "kept"))
    return keeping


def test_the_same_source_is_compiled_once_wherever_it_lies(compiler: Compiler, compiled: list[bytes]) -> None:
    assert [compiler(f"/{number}.zip/a.py", SOURCE).co_code for number in range(3)]
    assert compiled == [SOURCE]


def test_another_source_is_compiled(compiler: Compiler, compiled: list[bytes]) -> None:
    compiler("/a.py", SOURCE)
    values: dict[str, int] = {}
    exec(compiler("/a.py", b"answer = 43\n"), values)  # noqa: S102  it is what an import does
    assert values["answer"] == 43
    assert len(compiled) == 2


def test_a_damaged_entry_is_made_anew(compiler: Compiler, compiled: list[bytes], tmp_path: Path) -> None:
    compiler("/a.py", SOURCE)
    (entry,) = (tmp_path / "kept").iterdir()
    entry.write_bytes(entry.read_bytes()[:20])
    compiler("/a.py", SOURCE)
    compiler("/a.py", SOURCE)
    assert compiled == [SOURCE, SOURCE]


def test_only_its_owner_can_read_or_write_what_is_kept(compiler: Compiler, tmp_path: Path) -> None:
    compiler("/a.py", SOURCE)
    (entry,) = (tmp_path / "kept").iterdir()
    assert [path.stat().st_mode & 0o777 for path in (entry.parent, entry)] == [0o700, 0o600]


def test_where_nothing_can_be_kept_the_task_runs_all_the_same(
    compiler: Compiler, compiled: list[bytes], tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("a file in the folder's place")
    assert compiler("/a.py", SOURCE)
    assert compiler("/a.py", SOURCE)
    assert compiled == [SOURCE, SOURCE]


def test_python_compiles_what_is_in_a_zip_by_the_name_that_is_wrapped() -> None:
    """Positive control: a Python without this name would keep nothing, and say nothing."""
    assert callable(vars(zipimport)["_compile_source"])


def test_it_takes_effect_through_pythonpath_alone_and_hides_it_from_children(tmp_path: Path) -> None:
    """As a task does it: a module from a zip, in a process of its own."""
    folder = tmp_path / "ansible"
    folder.mkdir()
    text = FILE.read_text(encoding="utf-8")
    (folder / FILE.name).write_text(text.replace("/run/freehold-ansible", str(tmp_path / "kept")), encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "sent.zip", "w") as archive:
        archive.writestr("sent.py", SOURCE)
    script = f"import os, sys; sys.path.insert(0, {str(tmp_path / 'sent.zip')!r}); import sent"
    words = [sys.executable, "-c", f"{script}; print(sent.answer, 'PYTHONPATH' in os.environ)"]
    done = subprocess.run(words, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["42", "False"]
    assert len(list((tmp_path / "kept").glob("*"))) == (1 if os.geteuid() == 0 else 0)
