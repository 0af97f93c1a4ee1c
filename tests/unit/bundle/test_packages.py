"""A package that the owner brings gets into the bundle by its digest, and nothing else does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

import pytest
from tests import command

from freehold.bundle.apt_repository import read_packages
from freehold.bundle.keys import Keys
from freehold.bundle.layout import Tree
from freehold.bundle.packages import Packages, confirm, read_package
from freehold.bundle.parts import AptPart
from freehold.errors import FreeholdError, IntegrityError, RefusedError, UsageError
from freehold.process import Completed, run
from freehold.weights.digests import sha256_file


def quiet(_: str) -> None:
    """Nobody watches."""


def make_deb(folder: Path, version: str = "1:2.0", architecture: str = "amd64") -> Path:
    tree = folder / f"tree-{version}-{architecture}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        f"Package: brought\nVersion: {version}\nArchitecture: {architecture}\nDepends: adduser\n"
        "Maintainer: Somebody <somebody@example.org>\nDescription: for tests\n"
    )
    file = folder / f"brought-{version.replace(':', '-')}-{architecture}.deb"
    run(("dpkg-deb", "--root-owner-group", "-Znone", "-b", str(tree), str(file)))
    return file


@pytest.fixture(scope="session")
def deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_deb(tmp_path_factory.mktemp("brought"))


@pytest.fixture
def store(tmp_path: Path) -> Packages:
    return Packages(tmp_path / "packages")


def test_a_package_is_read_by_its_control_fields(deb: Path) -> None:
    found = read_package(deb)
    assert (found.name, found.version, found.architecture) == ("brought", "1:2.0", "amd64")
    assert (found.sha256, found.bytes) == (sha256_file(deb), deb.stat().st_size)
    assert found.file == "brought_2.0_amd64.deb"


@pytest.mark.parametrize(
    ("content", "code"), [(b"<html>not found</html>", "PACKAGE_FORMAT"), (b"!<arch>\nbroken", "PACKAGE_FORMAT")]
)
def test_what_is_no_package_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "x.deb").write_bytes(content)
    with pytest.raises(RefusedError) as caught:
        read_package(tmp_path / "x.deb")
    assert caught.value.code == code


def test_a_file_that_is_not_there_and_another_architecture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_package(tmp_path / "missing.deb")
    with pytest.raises(RefusedError) as caught:
        read_package(make_deb(tmp_path, architecture="arm64"))
    assert (caught.value.code, caught.value.found) == ("PACKAGE_ARCHITECTURE", "arm64")


@pytest.mark.parametrize(
    ("sha256", "code"), [(None, "PACKAGE_UNCONFIRMED"), ("abc", "PACKAGE_SHA256"), ("0" * 64, "PACKAGE_DIGEST")]
)
def test_a_digest_that_is_not_confirmed_is_refused(deb: Path, sha256: str | None, code: str) -> None:
    with pytest.raises(FreeholdError) as caught:
        confirm(read_package(deb), deb, sha256)
    assert caught.value.code == code
    confirm(read_package(deb), deb, sha256_file(deb).upper())


def test_an_import_is_done_once_and_another_version_takes_its_place(deb: Path, store: Packages, tmp_path: Path) -> None:
    assert [store.add(deb, read_package(deb)) for _ in range(2)] == [True, False]
    newer = make_deb(tmp_path, "1:3.0")
    assert store.add(newer, read_package(newer))
    assert [package.version for package in store.all()] == ["1:3.0"]
    store.remove("brought")
    assert store.all() == ()
    assert not list(store.root.iterdir())


def test_a_file_that_was_altered_after_the_import_is_refused_and_can_be_imported_again(
    deb: Path, store: Packages
) -> None:
    store.add(deb, read_package(deb))
    store.path("brought").write_bytes(b"other")
    with pytest.raises(IntegrityError, match="brought"):
        store.checked()
    assert store.add(deb, read_package(deb))
    assert store.checked() == (store.path("brought"),)


class AptWithoutNetwork:
    """Programs of this machine, but for apt-get, whose answers are given and whose words are kept."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, args: Sequence[str | PathLike[str]], **options: Any) -> Completed:
        if args[0] != "apt-get":
            return run(args, **options)
        self.asked.append(tuple(str(word) for word in args))
        return Completed(self.asked[-1], 0, "'file:/x/brought.deb' brought_2.0_amd64.deb 1 \n", "")


@pytest.fixture
def part(tmp_path: Path, store: Packages, keys: Keys) -> AptPart:
    (tmp_path / "tree/requirements/node").mkdir(parents=True)
    (tmp_path / "tree/requirements/node/os-packages.txt").write_text("sudo # a reason\n")
    (tmp_path / "etc/sources.list.d").mkdir(parents=True)
    (tmp_path / "etc/sources.list").write_text("deb http://192.0.2.1/debian bookworm main\n")

    def clock() -> datetime:
        return datetime(2026, 1, 2, tzinfo=UTC)

    tree = Tree(tmp_path / "tree")
    return AptPart(tree, (), store, keys, tmp_path / "etc", tmp_path / "apt", AptWithoutNetwork(), clock)


def test_a_build_resolves_the_import_with_its_own_list_and_puts_it_into_the_pool(
    part: AptPart, store: Packages, deb: Path, tmp_path: Path
) -> None:
    before = part.inputs()
    store.add(deb, read_package(deb))
    assert part.inputs() != before
    part.make(tmp_path / "bundle", None, quiet)
    assert isinstance(part.runner, AptWithoutNetwork)
    assert part.runner.asked[1][-2:] == ("sudo", str(store.path("brought")))
    assert read_packages(tmp_path / "bundle") == ["brought=1:2.0"]
    assert sha256_file(tmp_path / "bundle/apt/pool/main/brought_2.0_amd64.deb") == sha256_file(deb)


def test_a_build_does_not_take_an_altered_import(part: AptPart, store: Packages, deb: Path, tmp_path: Path) -> None:
    store.add(deb, read_package(deb))
    store.path("brought").write_bytes(b"other")
    with pytest.raises(IntegrityError):
        part.make(tmp_path / "bundle", None, quiet)


def freehold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = command.typed(monkeypatch, "bundle", *words, "--json")
    return code, json.loads(capsys.readouterr().out)


def test_the_commands(
    deb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shutil.copy(deb, tmp_path / "brought.deb")
    monkeypatch.setenv("FREEHOLD_LAB", str(tmp_path / "lab"))
    digest = ("--sha256", sha256_file(deb))
    code, said = freehold(monkeypatch, capsys, "import-package", str(file))
    assert (code, said["errors"][0]["code"]) == (3, "PACKAGE_UNCONFIRMED")
    assert digest[1] in said["errors"][0]["fix"]
    words = ("import-package", str(file), *digest)
    assert freehold(monkeypatch, capsys, *words, "--dry-run") == freehold(monkeypatch, capsys, *words, "--dry-run")
    assert [freehold(monkeypatch, capsys, *words)[1]["changed"] for _ in range(2)] == [True, False]
    assert [one["name"] for one in freehold(monkeypatch, capsys, "packages")[1]["packages"]] == ["brought"]
    assert freehold(monkeypatch, capsys, "remove-package", "brought", "--dry-run")[0] == 0
    assert freehold(monkeypatch, capsys, "remove-package", "brought")[1]["changed"]
    assert freehold(monkeypatch, capsys, "remove-package", "brought")[0] == 2
