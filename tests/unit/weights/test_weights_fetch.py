"""A node gets exactly the weights that its deployment names, over a connection that needs no trust."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from freehold.errors import FreeholdError, IntegrityError, PartialError, RefusedError, UnknownStateError, UsageError
from freehold.weights.digests import sha256_bytes
from freehold.weights.download import Client, Pace
from freehold.weights.fetch import Fetched, fetch
from freehold.weights.manifest import FileEntry, ModelManifest
from freehold.weights.store import Space, Store

if TYPE_CHECKING:
    from tests.unit.weights.conftest import Bundle, Server

PACE = Pace(attempts=2, sleep=lambda _: None)

MODEL = b"GGUF" + bytes(range(256)) * 64
CONFIG = b'{"hidden_size": 8}'


def entry(data: bytes, path: str = "model.gguf") -> FileEntry:
    return FileEntry(path, len(data), sha256_bytes(data))


@pytest.fixture
def bundle(bundle: Bundle) -> Bundle:
    bundle.files = {"model.gguf": MODEL, "config.json": CONFIG}
    return bundle


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def get(server: Server, store: Store, digest: str, **more: Any) -> Fetched:
    options: dict[str, Any] = {"pace": PACE, "client": Client(timeout=5.0), **more}
    return fetch("tiny", url=server.url, manifest_sha256=digest, store=store, report=lambda _: None, **options)


def parts(store: Store) -> list[Path]:
    return list((store.root / "incoming").glob("*"))


def test_a_model_arrives_and_a_second_fetch_changes_nothing(bundle: Bundle, server: Server, store: Store) -> None:
    digest = bundle.write()
    first = get(server, store, digest)
    assert (first.changed, first.downloaded_bytes) == (True, len(MODEL) + len(CONFIG))
    assert (store.root / "models/tiny/files/model.gguf").read_bytes() == MODEL
    again = get(server, store, digest)
    assert (again.changed, again.downloaded_bytes, again.digest) == (False, 0, first.digest)
    assert parts(store) == []


def test_a_damaged_model_is_mended_by_the_next_fetch(bundle: Bundle, server: Server, store: Store) -> None:
    digest = bundle.write()
    get(server, store, digest)
    blob = (store.root / "models/tiny/files/model.gguf").resolve()
    blob.chmod(0o644)
    blob.write_bytes(MODEL[:-1] + bytes([MODEL[-1] ^ 1]))
    with pytest.raises(IntegrityError):
        store.verify("tiny")
    mended = get(server, store, digest)
    assert (mended.changed, mended.downloaded_bytes) == (True, len(MODEL))
    store.verify("tiny")


def test_another_manifest_than_the_deployments_is_refused(bundle: Bundle, server: Server, store: Store) -> None:
    digest = bundle.write()
    (bundle.folder / "manifest.json").write_bytes((bundle.folder / "manifest.json").read_bytes() + b" ")
    with pytest.raises(IntegrityError, match="BUNDLE_DIGEST") as caught:
        get(server, store, digest)
    assert "manifest.json" in caught.value.subject
    assert not store.root.exists()


def test_an_altered_model_manifest_is_refused(bundle: Bundle, server: Server, store: Store) -> None:
    digest = bundle.write()
    place = bundle.folder / "weights/models/tiny.json"
    place.write_bytes(place.read_bytes().replace(b"Apache", b"apache"))
    with pytest.raises(IntegrityError, match=r"tiny\.json"):
        get(server, store, digest)


def test_a_flipped_byte_in_a_blob_is_refused_and_named(bundle: Bundle, server: Server, store: Store) -> None:
    digest = bundle.write()
    bundle.blob(MODEL).write_bytes(MODEL[:-1] + b"!")
    with pytest.raises(IntegrityError, match=r"model\.gguf"):
        get(server, store, digest)
    assert store.names() == []
    assert parts(store) == []


def test_a_cut_connection_is_taken_up_where_it_ended(bundle: Bundle, server: Server, store: Store) -> None:
    digest = bundle.write()
    server.cut = [len(CONFIG), 100, 5000]
    assert get(server, store, digest).changed
    assert [asked for _, asked in server.asked if asked] == ["bytes=100-", "bytes=5100-"]
    store.verify("tiny")


def test_a_server_without_ranges_is_read_from_the_start(bundle: Bundle, server: Server, store: Store) -> None:
    digest = bundle.write()
    server.cut, server.stubborn = [len(CONFIG), 100], True
    assert get(server, store, digest).changed
    store.verify("tiny")


def test_a_resumed_download_with_other_content_is_refused(bundle: Bundle, server: Server, store: Store) -> None:
    digest = bundle.write()
    store.prepare()
    store.partial(entry(MODEL).sha256).write_bytes(b"X" * 1000)
    with pytest.raises(IntegrityError, match="WEIGHTS_DIGEST"):
        get(server, store, digest)
    assert parts(store) == []
    assert get(server, store, digest).changed


def test_what_stays_cut_off_is_kept_for_the_next_run(bundle: Bundle, server: Server, store: Store) -> None:
    digest = bundle.write()
    server.cut = [len(CONFIG), 100, 0, 0, 0]
    with pytest.raises(PartialError, match="WEIGHTS_DOWNLOAD_CUT"):
        get(server, store, digest)
    assert [part.stat().st_size for part in parts(store)] == [100]
    assert store.names() == []
    server.cut = []
    assert get(server, store, digest).changed


def test_more_than_promised_is_refused(bundle: Bundle, server: Server, store: Store) -> None:
    digest = bundle.write()
    bundle.blob(MODEL).write_bytes(MODEL * 200)
    with pytest.raises(IntegrityError, match="WEIGHTS_DIGEST"):
        get(server, store, digest)
    assert parts(store) == []


def test_a_partial_that_is_too_long_is_dropped(bundle: Bundle, server: Server, store: Store) -> None:
    digest = bundle.write()
    store.prepare()
    store.partial(entry(MODEL).sha256).write_bytes(MODEL + b"!")
    with pytest.raises(IntegrityError):
        get(server, store, digest)
    assert get(server, store, digest).changed


def test_too_little_space_is_refused_before_anything_is_asked_for(bundle: Bundle, server: Server, store: Store) -> None:
    digest = bundle.write()
    with pytest.raises(RefusedError, match="WEIGHTS_NO_SPACE"):
        get(server, store, digest, space=lambda _: Space(1000, None))
    assert not any("blobs" in path for path, _ in server.asked)


def test_a_disk_that_fills_up_loses_the_partial_and_the_old_weights_serve_on(
    bundle: Bundle, server: Server, store: Store
) -> None:
    get(server, store, bundle.write())
    bundle.files["model.gguf"] = MODEL + b"newer"
    digest = bundle.write()

    class FullDisk(Client):
        def get(self, url: str, offset: int = 0) -> Any:
            answer = super().get(url, offset)
            if "blobs" in url:
                real = answer.read
                answer.read = lambda amount: full() if amount > 1000 and real(10) else b""  # type: ignore[method-assign]
            return answer

    def full() -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(PartialError, match="WEIGHTS_DISK_FULL"):
        get(server, store, digest, client=FullDisk(timeout=5.0))
    assert parts(store) == []
    assert (store.root / "models/tiny/files/model.gguf").read_bytes() == MODEL
    store.verify("tiny")


def test_a_redirect_is_not_followed(bundle: Bundle, server: Server, store: Store) -> None:
    digest = bundle.write()
    server.redirect = f"{server.url}/elsewhere"
    with pytest.raises(UnknownStateError, match="BUNDLE_UNREACHABLE"):
        get(server, store, digest)
    assert len(server.asked) == 1


def test_a_proxy_of_the_environment_is_not_used(
    bundle: Bundle, server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert get(server, store, bundle.write()).changed


def test_a_model_that_the_bundle_lacks_is_refused_with_those_it_has(
    bundle: Bundle, server: Server, store: Store
) -> None:
    digest = bundle.write()
    with pytest.raises(RefusedError, match="WEIGHTS_UNKNOWN_MODEL") as caught:
        fetch("other", url=server.url, manifest_sha256=digest, store=store, report=lambda _: None)
    assert caught.value.expected == "tiny"


@pytest.mark.parametrize("path", ["modeling.py", "pytorch_model.bin"])
def test_code_and_pickles_are_refused_before_they_are_asked_for(
    bundle: Bundle, server: Server, store: Store, path: str
) -> None:
    bundle.files[path] = b"print()"
    with pytest.raises(RefusedError, match="WEIGHTS_UNSAFE_FILE"):
        get(server, store, bundle.write())
    assert not any("blobs" in asked for asked, _ in server.asked)


def test_auto_map_is_refused_when_it_arrives(bundle: Bundle, server: Server, store: Store) -> None:
    bundle.files["config.json"] = b'{"auto_map": {"AutoModel": "x.X"}}'
    with pytest.raises(RefusedError, match="auto_map"):
        get(server, store, bundle.write())
    assert store.names() == []


def test_a_path_out_of_the_store_is_refused(bundle: Bundle, server: Server, store: Store) -> None:
    hostile = ModelManifest("tiny", "chat", "gguf", "MIT", "s", 1, (entry(MODEL, "../../evil.gguf"),))
    with pytest.raises(IntegrityError, match="WEIGHTS_MANIFEST_INVALID"):
        get(server, store, bundle.publish(hostile.dump()))


def test_a_model_under_anothers_name_is_refused(bundle: Bundle, server: Server, store: Store) -> None:
    other = ModelManifest("other", "chat", "gguf", "MIT", "s", 1, (entry(MODEL),))
    with pytest.raises(IntegrityError, match="is of model other"):
        get(server, store, bundle.publish(other.dump()))


@pytest.mark.parametrize("url", ["file:///etc", "ftp://127.0.0.1", "10.83.0.1:8480", ""])
def test_only_web_addresses_are_asked(store: Store, url: str) -> None:
    with pytest.raises(UsageError, match="WEIGHTS_URL"):
        fetch("tiny", url=url, manifest_sha256="0" * 64, store=store, report=lambda _: None)


def test_no_server_is_not_known_rather_than_wrong(store: Store) -> None:
    with pytest.raises(FreeholdError) as caught:
        fetch("tiny", url="http://127.0.0.1:1", manifest_sha256="0" * 64, store=store, report=lambda _: None)
    assert caught.value.exit_code == 7
