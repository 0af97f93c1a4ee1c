"""A small model, the bundle that carries it, and a web server on loopback that can misbehave."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from freehold.weights.digests import readable_json, sha256_bytes
from freehold.weights.manifest import FileEntry, ModelManifest


def entry(path: str, data: bytes) -> FileEntry:
    return FileEntry(path, len(data), sha256_bytes(data))


@dataclass
class Bundle:
    """What a bundle's web server has of one model; tests change it."""

    folder: Path
    files: dict[str, bytes]
    name: str = "tiny"

    def write(self) -> str:
        """Write all of it anew; returns the digest of the bundle's manifest."""
        listed = tuple(entry(path, data) for path, data in sorted(self.files.items()))
        model = ModelManifest(self.name, "chat", "gguf", "Apache-2.0", "made for a test", 128, listed)
        for file, data in zip(listed, (self.files[path] for path in sorted(self.files)), strict=True):
            self.put(f"weights/blobs/sha256/{file.sha256}", data)
        return self.publish(model.dump())

    def publish(self, model: bytes) -> str:
        place = f"weights/models/{self.name}.json"
        self.put(place, model)
        files = [{"path": place, "bytes": len(model), "sha256": sha256_bytes(model)}]
        manifest = readable_json({"schema": 1, "serial": 1, "files": files})
        self.put("manifest.json", manifest)
        return sha256_bytes(manifest)

    def put(self, path: str, data: bytes) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    def blob(self, data: bytes) -> Path:
        return self.folder / "weights/blobs/sha256" / sha256_bytes(data)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle(tmp_path / "served", {"model.gguf": b"GGUF of a test"})


@dataclass
class Server:
    """Serves ``folder`` with ranges. ``cut`` ends an answer after so many bytes, once; ``stubborn`` ignores ranges."""

    folder: Path
    url: str = ""
    cut: list[int] = field(default_factory=list)
    stubborn: bool = False
    redirect: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range", "")
        self.asked.append((request.path, asked))
        if self.redirect:
            request.send_response(302)
            request.send_header("Location", self.redirect)
            request.end_headers()
            return
        place = self.folder / request.path.lstrip("/")
        if not place.is_file():
            request.send_error(404)
            return
        self._send(request, place.read_bytes(), asked)

    def _send(self, request: http.server.BaseHTTPRequestHandler, data: bytes, asked: str) -> None:
        offset = 0 if self.stubborn or not asked else int(asked.removeprefix("bytes=").rstrip("-"))
        if offset > len(data):
            request.send_error(416)
            return
        rest = data[offset:]
        request.send_response(206 if offset else 200)
        request.send_header("Content-Length", str(len(rest)))
        request.end_headers()
        limit = self.cut.pop(0) if self.cut and "blobs" in request.path else len(rest)
        request.wfile.write(rest[:limit])
        request.close_connection = True


@pytest.fixture
def server(bundle: Bundle) -> Iterator[Server]:
    state = Server(bundle.folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
            del format, args

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        state.url = f"http://127.0.0.1:{httpd.server_port}"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        httpd.shutdown()
        thread.join()
