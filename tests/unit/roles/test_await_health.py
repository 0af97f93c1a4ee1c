"""A vLLM unit has started when it answers, and has failed when its process is gone: nobody waits out the timeout."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from freehold.paths import PROJECT

SCRIPT = PROJECT / "roles/inference_runtime/files/await_health.py"


class Answers(BaseHTTPRequestHandler):
    """Loading at the first question, ready at the second."""

    asked = 0

    def do_GET(self) -> None:
        Answers.asked += 1
        self.send_response(200 if Answers.asked > 1 else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/health"
    server.shutdown()
    server.server_close()


def wait(url: str, pid: int) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(SCRIPT), url, str(pid)]
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)


def test_it_waits_for_a_server_that_loads(address: str) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as server:
        assert wait(address, server.pid).returncode == 0
        server.communicate(b"\n")


def test_a_server_that_is_gone_is_not_awaited(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""], cwd=tmp_path) as server:
        server.wait()
    done = wait("http://127.0.0.1:9/health", server.pid)
    assert done.returncode == 1
    assert "ended before it answered" in done.stderr
