"""Mutual TLS for a listener of the private plane: TLS 1.3, a certificate of the owner's hierarchy, none revoked.

The files are read again when they change, for the next handshake: renewing a certificate restarts nothing. Only the
standard library is needed, so that every service of a node can have it.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.errors import RefusedError

KEY_CREDENTIAL = "tls.key"
SCHEME = "freehold"
NODE_PARTS = 3  # site, kind, name
Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class TlsFiles:
    """What role `tls` lays down; ``key`` comes from systemd's credentials."""

    certificate: Path
    key: Path
    anchors: Path
    revoked: Path

    def stamp(self) -> Stamp:
        """Changes when one of the files was replaced. Raises :class:`OSError` when one is missing."""
        states = [path.stat() for path in (self.certificate, self.key, self.anchors, self.revoked)]
        return tuple((state.st_mtime_ns, state.st_size, state.st_ino) for state in states)

    def trust(self) -> str:
        """Digest of roots and lists: it changes when somebody who was let in may not be any more."""
        return hashlib.sha256(self.anchors.read_bytes() + b"\0" + self.revoked.read_bytes()).hexdigest()

    def context(self, chain: bytes | None = None, side: ssl._SSLMethod = ssl.PROTOCOL_TLS_SERVER) -> ssl.SSLContext:
        """A context of these files, or with another ``chain``, for one side of a connection.

        Raises :class:`OSError` (:class:`ssl.SSLError` is one).
        """
        context = ssl.SSLContext(side)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # who is at the other end is in the certificate's URI: see `node_of`
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN | ssl.VerifyFlags.VERIFY_X509_STRICT
        context.load_verify_locations(self.anchors)
        context.load_verify_locations(self.revoked)
        if chain is None:
            context.load_cert_chain(self.certificate, self.key)
        else:
            _load_chain(context, chain, self.key)
        if side is ssl.PROTOCOL_TLS_SERVER:
            context.num_tickets = 0  # a resumed session would pass by the list of revoked certificates
        return context


def _load_chain(context: ssl.SSLContext, chain: bytes, key: Path) -> None:
    """The ssl module takes certificates from files only; this one lies in memory."""
    with os.fdopen(os.memfd_create("chain"), "wb") as stream:
        stream.write(chain)
        stream.flush()
        context.load_cert_chain(f"/proc/self/fd/{stream.fileno()}", key)


class TlsKeeper:
    """The context in force. A set of files that does not fit together, as in the middle of a change, is not taken.

    A certificate of another key is such a case, and it may last: the key came when the service was started. Roots and
    lists of what was revoked are taken all the same, with the certificate of before: who was revoked must not get in.
    """

    def __init__(
        self,
        files: TlsFiles,
        say: Callable[[str], None] = lambda line: print(line, file=sys.stderr),
        side: ssl._SSLMethod = ssl.PROTOCOL_TLS_SERVER,
    ) -> None:
        self._files, self._say, self._guard, self._side = files, say, threading.Lock(), side
        try:
            self._stamp, self._chain = files.stamp(), files.certificate.read_bytes()
            self._context, self.trust = files.context(self._chain, side), files.trust()
        except OSError as error:
            raise _unusable(files, error) from error

    def context(self) -> ssl.SSLContext:
        """The context for the next handshake."""
        with self._guard:
            self._refresh()
            return self._context

    def for_event_loop(self) -> ssl.SSLContext:
        """A context for a listener that can be given only one: each handshake goes on in the one in force."""
        entry = self._files.context()

        def turn(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self.context()

        # Despite its name it is called for clients that send no name, too.
        entry.sni_callback = turn
        return entry

    def _refresh(self) -> None:
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return
            context, trust = self._of_files(), self._files.trust()
        except OSError as error:
            self._say(f"tls: what lies in {self._files.certificate.parent} is not taken: {error}")
            return
        self._stamp, self._context, self.trust = stamp, context, trust

    def _of_files(self) -> ssl.SSLContext:
        """With the certificate that lies there if it is of our key, else with ours."""
        chain = self._files.certificate.read_bytes()
        try:
            context = self._files.context(chain, self._side)
        except OSError as error:
            context = self._files.context(self._chain, self._side)
            self._say(f"tls: of {self._files.certificate.parent} only roots and lists are taken: {error}")
        else:
            self._chain = chain
        return context


def kinds(certificate: Mapping[str, Any] | None) -> set[str]:
    """What the holder of a verified certificate is: node, control, monitor, client; from ``getpeercert()``."""
    return {path[1] for path in _names(certificate) if len(path) > 1}


def name_of(certificate: Mapping[str, Any] | None, kind: str) -> str:
    """The name that a verified certificate gives its holder as ``kind`` (node, monitor); empty where it gives none."""
    return next((path[2] for path in _names(certificate) if len(path) == NODE_PARTS and path[1] == kind), "")


def node_of(certificate: Mapping[str, Any] | None) -> str:
    """The name of the node that holds a verified certificate; empty where it is not a node's."""
    return name_of(certificate, "node")


def _names(certificate: Mapping[str, Any] | None) -> list[list[str]]:
    """The holder's names in our scheme, each as site, kind, and what follows."""
    uris = [value for name, value in (certificate or {}).get("subjectAltName", ()) if name == "URI"]
    return [uri.removeprefix(f"{SCHEME}://").split("/") for uri in uris if uri.startswith(f"{SCHEME}://")]


def lets_in(certificate: Mapping[str, Any] | None, allowed: Collection[str]) -> bool:
    """Tell whether the holder is of one of the kinds; an empty collection lets in everybody with a certificate."""
    return not allowed or bool(kinds(certificate) & set(allowed))


def key_file(environ: Mapping[str, str]) -> Path:
    """Where systemd put the key. Raises :class:`RefusedError` for a service that was not started by its unit."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise RefusedError(
            "TLS_KEY_MISSING",
            KEY_CREDENTIAL,
            "$CREDENTIALS_DIRECTORY is not set",
            expected="the node's key as a credential of the unit",
            fix=f"start the service by its unit (LoadCredential={KEY_CREDENTIAL}:/etc/freehold/credentials/tls.key)",
        )
    return Path(folder) / KEY_CREDENTIAL


def _unusable(files: TlsFiles, error: OSError) -> RefusedError:
    return RefusedError(
        "TLS_FILES",
        str(files.certificate.parent),
        str(error),
        expected="a certificate with its key, roots and lists of what was revoked",
        why="without them nobody on the private plane can be told from anybody else",
        fix="converge the node (role tls); the control host issues what is missing",
    )
