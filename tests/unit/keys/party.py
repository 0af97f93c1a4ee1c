"""Holders of certificates for tests of listeners: each with its folder, and a client's context for it."""

import datetime as dt
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from freehold.exporter.server import Server
from freehold.keys import authority, clock, holders
from freehold.keys.files import KeysFolder
from freehold.keys.names import Identity
from freehold.service.tls import TlsFiles

HOST = "127.0.0.1"
AGE = dt.timedelta(days=200)
"""Of the hierarchy, so that a certificate of it can have ended."""


def hierarchy(folder: Path, secret_file: Path, site: str = "lab") -> KeysFolder:
    secret_file.write_text("correct horse battery\n")
    secret_file.chmod(0o600)
    authority.ensure(folder, site, secret_file, now=lambda: clock.now() - AGE)
    return KeysFolder(folder)


def holder(keys: KeysFolder, name: str, out: Path, *, kind: str = "node", life: float = 90) -> Path:
    """``life`` in days; negative for a certificate that has ended."""
    at = clock.now() - dt.timedelta(days=91) if life < 0 else clock.now()
    holders.ensure(keys, Identity(keys.site, kind, name, (HOST,)), out, now=lambda: at)
    return out


def files(out: Path) -> TlsFiles:
    return TlsFiles(out / "tls.crt", out / "tls.key", out / "ca.crt", out / "crl.pem")


def client(trust: Path, own: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=trust / "ca.crt")
    if own is not None:
        context.load_cert_chain(own / "tls.crt", own / "tls.key")
    return context


def running(server: Server) -> Iterator[int]:
    """The port of a server that answers while the body runs."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()
    thread.join(5)
