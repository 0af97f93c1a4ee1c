"""The ways to the operator: a mail server and web hooks of the owner's. Each either takes a message or says why not."""

from __future__ import annotations

import http.client
import json
import smtplib
import socket
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from freehold.dead_mans_switch.message import Message

SECONDS = 20.0
"""For each step of a conversation; a mail server may ask others before it answers."""
TAKEN = range(200, 300)
Protection = Literal["starttls", "tls", "none"]


class NotTakenError(OSError):
    """The other side answered, and did not take the message."""


class PartlyTakenError(NotTakenError):
    """Some of those that a message is for have it. They must not get it again for the sake of the others."""


class Way(Protocol):
    """One path to the operator."""

    @property
    def name(self) -> str:
        """How metrics and logs call it."""

    def send(self, message: Message) -> None:
        """Hand the message over. Raises :class:`OSError` when it was not taken."""


class NamedContext(ssl.SSLContext):
    """A context for a server that is reached by one name and certified for another."""

    other_name = ""

    def wrap_socket(self, sock: socket.socket, *args: Any, **given: Any) -> ssl.SSLSocket:
        """As the base class, with our name of the server."""
        if self.other_name:
            given["server_hostname"] = self.other_name
        return super().wrap_socket(sock, *args, **given)


def context(ca_file: str = "", server_name: str = "") -> ssl.SSLContext:
    """Certificates and names are checked; by the owner's roots where they are given."""
    made = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2  # mail servers of the owner's may be old
    made.other_name = server_name
    if ca_file:
        made.load_verify_locations(ca_file)
    else:
        made.load_default_certs()
    return made


@dataclass(frozen=True)
class Mail:
    """A mail server of the owner's, and who gets mail. ``secret`` is a file, read when it is needed."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    protection: Protection = "starttls"
    user: str = ""
    secret: Path | None = None
    ca_file: str = ""
    server_name: str = ""
    name: str = "mail"

    def send(self, message: Message) -> None:
        """One mail to all recipients. Raises :class:`OSError` (smtplib's errors are such)."""
        with self._connect() as client:
            if self.protection == "starttls":
                client.starttls(context=context(self.ca_file, self.server_name))
            if self.user:
                client.login(self.user, read_secret(self.secret))
            refused = client.send_message(self._mail(message), self.sender, self.recipients)
        if refused:
            raise PartlyTakenError(f"not for {', '.join(sorted(refused))}")

    def _connect(self) -> smtplib.SMTP:
        if self.protection == "tls":
            secure = context(self.ca_file, self.server_name)
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=secure)
        return smtplib.SMTP(self.host, self.port, timeout=SECONDS)

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.subject, self.sender, ", ".join(self.recipients)
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=message.switch)
        mail["Auto-Submitted"] = "auto-generated"  # no answer of an absent reader comes back
        mail.set_content(message.text)
        return mail


@dataclass(frozen=True)
class Hook:
    """A web hook of the owner's: JSON by POST, answered with 2xx. Redirects are not followed."""

    name: str
    url: str
    secret: Path | None = None
    ca_file: str = ""

    def send(self, message: Message) -> None:
        """Raises :class:`OSError`."""
        parts = urlsplit(self.url)
        connection = self._connection(parts.hostname or "", parts.port)
        head = {"Content-Type": "application/json"}
        if self.secret is not None:
            head["Authorization"] = f"Bearer {read_secret(self.secret)}"
        try:
            where = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", where, json.dumps(message.as_json()), head)
            status = connection.getresponse().status
        except http.client.HTTPException as error:
            raise NotTakenError(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()
        if status not in TAKEN:
            raise NotTakenError(f"answered with {status}")

    def _connection(self, host: str, port: int | None) -> http.client.HTTPConnection:
        if urlsplit(self.url).scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context(self.ca_file))
        return http.client.HTTPConnection(host, port, timeout=SECONDS)


def read_secret(file: Path | None) -> str:
    """The first line of a credential. Raises :class:`OSError`."""
    if file is None:
        raise NotTakenError("no credential is named")
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError as error:
        raise NotTakenError(f"{file} is no text of ASCII, the one that both protocols take") from error
    secret = lines[0].strip() if lines else ""
    if not (secret and secret.isprintable()):
        raise NotTakenError(f"{file} has no printable first line")
    return secret
