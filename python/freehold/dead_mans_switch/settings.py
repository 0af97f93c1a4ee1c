"""The switch's JSON settings, as role `dead_mans_switch` writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from freehold.dead_mans_switch.paths import Hook, Mail, Protection, Way
from freehold.dead_mans_switch.watch import Patience
from freehold.errors import FreeholdError, raise_all
from freehold.service.settings import Table, read_json

HIGHEST_PORT = 65535
DAY = 86400
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*")
NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
CREDENTIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
ADDRESS = re.compile(r"[^\s@<>\",;:]+@[^\s@<>\",;:]+")
PROTECTIONS: tuple[Protection, ...] = ("starttls", "tls", "none")


@dataclass(frozen=True)
class Settings:
    """``listen`` is host:port on the mesh, ``metrics`` one on loopback; ``ways`` lead to the operator."""

    listen: str
    metrics: str
    monitors: tuple[str, ...]
    patience: Patience
    ways: tuple[Way, ...]


def read(file: Path, credentials: Path) -> Settings:
    """Settings with the files of ``credentials`` named. Raises all that is wrong together, before anything listens."""
    errors: list[FreeholdError] = []
    table = Table(str(file), read_json(file), errors)
    settings = _settings(table, credentials)
    table.close()
    raise_all(errors)
    return settings


def _settings(table: Table, credentials: Path) -> Settings:
    monitors = table.texts("monitors")
    if not monitors or not all(NAME.fullmatch(name) for name in monitors):
        table.refuse("monitors", ", ".join(monitors) or "none", "names of monitors, one or more")
    mail = table.maybe("mail")
    hooks = table.tables("webhooks", partial(_hook, credentials=credentials))
    ways: tuple[Way, ...] = (*((_mail(mail, credentials),) if mail else ()), *hooks)
    if not ways:
        table.refuse("mail, webhooks", "neither", "at least one", why="a switch that reaches nobody is none")
    if len({way.name for way in ways}) != len(ways):
        table.refuse("webhooks", "a name that is there twice", "each its own name, and none called mail")
    return Settings(
        table.text("listen"),
        table.text("metrics"),
        monitors,
        Patience(table.integer("silence_seconds", 60, DAY, 300), table.integer("repeat_seconds", 300, DAY, 3600)),
        ways,
    )


def _mail(table: Table, credentials: Path) -> Mail:
    host, _, port = table.text("smarthost").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (HOST.fullmatch(host) and port.isdecimal() and 0 < int(port) <= HIGHEST_PORT):
        table.refuse("smarthost", f"{host}:{port}", "host:port")
    sender, recipients = table.text("from"), table.texts("to")
    if not recipients or not all(ADDRESS.fullmatch(one) for one in (sender, *recipients)):
        table.refuse("from, to", ", ".join((sender, *recipients)), "addresses such as ops@example.org")
    user, secret = table.text("user", ""), _secret(table, credentials)
    if bool(user) != bool(secret):
        table.refuse("user, credential", "one of the two", "both or none")
    made = Mail(
        host,
        int(port) if port.isdecimal() else 0,
        sender,
        recipients,
        _protection(table),
        user,
        secret,
        table.text("ca_file", ""),
        table.text("server_name", ""),
    )
    if secret and made.protection == "none":
        table.refuse("tls", "none", "starttls or tls", why="the password would go over the network in the clear")
    table.close()
    return made


def _protection(table: Table) -> Protection:
    found = table.text("tls", "starttls", among=PROTECTIONS)
    return next((one for one in PROTECTIONS if one == found), "starttls")


def _hook(table: Table, credentials: Path) -> Hook:
    made = Hook(table.text("name"), table.text("url"), _secret(table, credentials), table.text("ca_file", ""))
    if not _is_url(made.url):
        table.refuse("url", made.url, "http://HOST/... or https://HOST/...")
    if not NAME.fullmatch(made.name) or made.name == "mail":
        table.refuse("name", made.name, "small letters, digits, hyphens; and not mail, which is taken")
    return made


def _is_url(text: str) -> bool:
    if not text.isascii() or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(HOST.fullmatch(parts.hostname or "")) and port != 0


def _secret(table: Table, credentials: Path) -> Path | None:
    name = table.text("credential", "")
    if name and not CREDENTIAL.fullmatch(name):
        table.refuse("credential", name, "the name of a credential")
        return None
    return credentials / name if name else None
