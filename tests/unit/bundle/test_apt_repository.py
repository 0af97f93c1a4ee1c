"""apt itself accepts the repository as it was signed, and refuses it altered; the resolver's downloads are checked."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from freehold.bundle.apt_download import Apt, Deb
from freehold.bundle.apt_repository import fill_pool, index, pool_name, read_packages, write_index
from freehold.bundle.keys import Keys
from freehold.errors import IntegrityError
from freehold.process import Completed, ProcessError, run
from freehold.weights.digests import sha256_file

NAMES = ("freehold-test-one", "freehold-test-two")


def quiet(_: str) -> None:
    """Nobody watches."""


@pytest.fixture(scope="session")
def debs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real packages, the first needing the second, named as apt keeps them."""
    folder = tmp_path_factory.mktemp("debs")
    for name, depends in zip(NAMES, (f"Depends: {NAMES[1]}\n", ""), strict=True):
        tree = folder / name
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN" / "control").write_text(
            f"Package: {name}\nVersion: 1:2.0\nArchitecture: amd64\n{depends}"
            "Maintainer: Somebody <somebody@example.org>\nDescription: for tests\n"
        )
        run(("dpkg-deb", "--root-owner-group", "-Znone", "-b", str(tree), str(folder / f"{name}_1%3a2.0_amd64.deb")))
    return folder


@pytest.fixture
def apt(tmp_path: Path, debs: Path) -> Apt:
    apt = Apt(tmp_path / "apt")
    apt.prepare("")
    for path in debs.glob("*.deb"):
        (apt.archives / path.name).write_bytes(path.read_bytes())
    return apt


def listed(apt: Apt) -> tuple[Deb, ...]:
    paths = sorted(apt.archives.glob("*.deb"))
    return tuple(Deb(path.name, path.stat().st_size, sha256_file(path)) for path in paths)


def publish(folder: Path, apt: Apt, keys: Keys, *, previous: Path | None = None, hour: int = 1) -> Path:
    fill_pool(folder, apt, listed(apt))
    clock = partial(datetime, 2026, 1, 2, hour, tzinfo=UTC)
    write_index(folder, index(folder, run), keys, previous=previous, clock=clock, report=quiet)
    (folder / "key.asc").write_text(keys.public_key())
    return folder


@pytest.fixture
def repository(tmp_path: Path, apt: Apt, keys: Keys) -> Path:
    return publish(tmp_path / "served", apt, keys)


@pytest.fixture
def node(repository: Path, tmp_path: Path) -> Iterator[Apt]:
    """A machine whose only source is the repository, over HTTP."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(repository)) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        node = Apt(tmp_path / "node")
        node.prepare(
            f"Types: deb\nURIs: http://127.0.0.1:{httpd.server_port}/apt\nSuites: bookworm\nComponents: main\n"
            f"Signed-By: {repository / 'key.asc'}\n"
        )
        yield node
        httpd.shutdown()
        thread.join()


def _handler(folder: Path) -> Callable[..., http.server.SimpleHTTPRequestHandler]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
            del format, args

    return partial(Handler, directory=str(folder))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_node_resolves_and_downloads_from_it(node: Apt, apt: Apt) -> None:
    found = node.resolve((NAMES[0],), quiet)
    assert {deb.name for deb in found} == {deb.name for deb in listed(apt)}
    node.download((NAMES[0],), found, quiet)
    assert {deb.sha256 for deb in listed(node)} == {deb.sha256 for deb in listed(apt)}


def test_an_altered_index_is_refused_by_apt(node: Apt, repository: Path) -> None:
    place = repository / "apt/dists/bookworm/InRelease"
    place.write_text(place.read_text().replace("Label: Freehold bundle", "Label: Freehold bundlf"))
    with pytest.raises(ProcessError, match=r"(?i)badsig|not signed|invalid"):
        node.resolve(NAMES, quiet)


def test_an_index_signed_by_another_key_is_refused_by_apt(node: Apt, repository: Path, tmp_path: Path) -> None:
    other = Keys(tmp_path / "other")
    other.ensure(quiet)
    other.clearsign(repository / "apt/dists/bookworm/Release", repository / "apt/dists/bookworm/InRelease")
    with pytest.raises(ProcessError, match=r"NO_PUBKEY|not signed"):
        node.resolve(NAMES, quiet)


def test_an_unsigned_index_is_refused_by_apt(node: Apt, repository: Path) -> None:
    (repository / "apt/dists/bookworm/InRelease").unlink()
    with pytest.raises(ProcessError, match="not signed"):
        node.resolve(NAMES, quiet)


def test_an_altered_package_is_refused_by_apt(node: Apt, repository: Path) -> None:
    found = node.resolve(NAMES, quiet)
    flip(next((repository / "apt/pool/main").glob("*two*.deb")), 200)
    with pytest.raises(ProcessError, match=r"Hash Sum mismatch|unexpected size"):
        node.download(NAMES, found, quiet)


def test_an_altered_package_in_the_cache_is_replaced(node: Apt) -> None:
    found = node.resolve(NAMES, quiet)
    node.download(NAMES, found, quiet)
    flip(node.archives / found[0].name, 200)
    node.download(NAMES, found, quiet)
    assert {deb.sha256 for deb in listed(node)} == {deb.sha256 for deb in found}


def test_a_package_other_than_the_list_names_is_refused_by_us(apt: Apt) -> None:
    wrong = tuple(Deb(deb.name, deb.bytes, "0" * 64) for deb in listed(apt))
    deaf = Apt(apt.root, lambda args, **_: Completed(tuple(map(str, args)), 0, "", ""))
    with pytest.raises(IntegrityError, match="BUNDLE_PACKAGE_DIGEST") as caught:
        deaf.download(NAMES, wrong, quiet)
    assert caught.value.subject == wrong[0].name


def test_the_same_packages_keep_the_old_signature_and_others_get_a_new_date(
    repository: Path, apt: Apt, keys: Keys, tmp_path: Path
) -> None:
    release = "apt/dists/bookworm/InRelease"
    same = publish(tmp_path / "same", apt, keys, previous=repository, hour=5)
    assert (same / release).read_bytes() == (repository / release).read_bytes()
    next(apt.archives.glob("*one*.deb")).unlink()
    other = publish(tmp_path / "fewer", apt, keys, previous=repository, hour=5)
    assert "05:00:00 GMT" in (other / release).read_text()


def test_no_signature_is_waived_anywhere() -> None:
    package = Path(__file__).parents[3] / "python" / "freehold" / "bundle"
    text = "".join(path.read_text().lower() for path in package.glob("apt_*.py"))
    assert "trusted=" not in text
    # Named only to be switched off, whatever the machine's own configuration says.
    assert text.count("allowunauthenticated") == text.count('allowunauthenticated": "false"') == 1


def test_names_lose_the_epoch_only() -> None:
    assert pool_name("zlib1g_1%3a1.2.13.dfsg-1_amd64.deb") == "zlib1g_1.2.13.dfsg-1_amd64.deb"
    assert pool_name("curl_7.88.1-10+deb12u15_amd64.deb") == "curl_7.88.1-10+deb12u15_amd64.deb"


def test_the_packages_are_listed_with_their_versions(repository: Path) -> None:
    assert read_packages(repository) == [f"{name}=1:2.0" for name in NAMES]
