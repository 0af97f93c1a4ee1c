"""The operator's mail server and web hook: each message that comes becomes a file.

Run as ``python -m freehold.lab.operator.server TASK``; the task is JSON: ``address``, ``mail_port``, ``hook_port``,
``folder``. Mails go to ``mail/NUMBER.eml``, what the web hook is sent to ``hooks/NUMBER.json``; numbers go up.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

MOST_BYTES = 1024 * 1024


class Tray:
    """A folder of numbered messages; each is there whole or not at all."""

    def __init__(self, folder: Path, suffix: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._suffix, self._guard = folder, suffix, threading.Lock()
        self._numbers = count(1 + max((int(path.stem) for path in folder.glob(f"*{suffix}")), default=0))

    def put(self, content: bytes) -> None:
        """Keep one message."""
        with self._guard:
            path = self._folder / f"{next(self._numbers):06}{self._suffix}"
            draft = path.with_suffix(".new")
            draft.write_bytes(content)
            draft.replace(path)


class Mailbox:
    """aiosmtpd's handler: everything is for the one operator."""

    def __init__(self, tray: Tray) -> None:
        self._tray = tray

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """Keep the mail with the names of its envelope."""
        del server, session
        names = f"X-Envelope: {envelope.mail_from} to {', '.join(envelope.rcpt_tos)}\r\n".encode()
        self._tray.put(names + (envelope.original_content or b""))
        return "250 OK"


class Hook(ThreadingHTTPServer):
    """The web hook."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], tray: Tray) -> None:
        self.tray = tray
        super().__init__(address, Taken)


class Taken(BaseHTTPRequestHandler):
    """One request of Alertmanager's."""

    server: Hook

    def do_POST(self) -> None:
        """Keep the body."""
        length = int(self.headers.get("content-length") or 0)
        if length > MOST_BYTES:
            self.send_error(413)
            return
        self.server.tray.put(self.rfile.read(length))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """The files are the log."""


def main(task: str) -> None:
    """Serve until a signal comes."""
    told = json.loads(task)
    address, folder = told["address"], Path(told["folder"])
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    mailbox = Controller(Mailbox(Tray(folder / "mail", ".eml")), hostname=address, port=told["mail_port"])
    hook = Hook((address, told["hook_port"]), Tray(folder / "hooks", ".json"))
    mailbox.start()
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    stop.wait()
    mailbox.stop()
    hook.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
