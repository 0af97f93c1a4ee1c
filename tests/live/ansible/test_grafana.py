"""Grafana's role, played here: refused with the remedy where the bundle lacks it."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.live.ansible.playing import play


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A bundle's address, and its list of packages."""
    index = tmp_path / "served/apt/dists/bookworm/main/binary-amd64/Packages"
    index.parent.mkdir(parents=True)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
            del format, args

    handler = partial(Quiet, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", index
        server.shutdown()
        thread.join()


def test_a_bundle_without_the_package_is_refused_with_the_exact_remedy(
    tmp_path: Path, bundle: tuple[str, Path]
) -> None:
    url, index = bundle
    index.write_text("Package: grafana-agent\nVersion: 1\n\n")
    said = play(tmp_path, "grafana", {"grafana_bundle_url": url}, tasks="preflight")
    assert "GRAFANA_PACKAGE" in said
    assert "freehold bundle import-package FILE --sha256 DIGEST" in said
    index.write_text("Package: sudo\nVersion: 1\n\nPackage: grafana\nVersion: 10.4.1\n\n")
    assert "exit status 0" in play(tmp_path, "grafana", {"grafana_bundle_url": url}, tasks="preflight")
