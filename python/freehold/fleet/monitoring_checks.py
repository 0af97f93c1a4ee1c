"""Checks of what the monitor is told: names lead somewhere, and a password is not sent to everybody on the way.

Like :mod:`freehold.fleet.checks` they read the raw form and step over what has the wrong type.
"""

from __future__ import annotations

from freehold.errors import FreeholdError
from freehold.fleet.fleet_checks import named_host
from freehold.fleet.gateway_checks import known_credential
from freehold.fleet.keypath import KeyPath, refused, remove_command, set_command
from freehold.fleet.raw import Data, Found, items, mapping


def judge(data: Data) -> Found:
    """Everything that is wrong."""
    section = mapping(data.get("monitoring"))
    yield from named_host(data, ("monitoring", "watcher"), section.get("watcher"))
    yield from _watcher_is_up(data, section.get("watcher"))
    if isinstance(section.get("mail"), dict):
        yield from _mail(data, mapping(section["mail"]))
    for index, hook in items(section, "webhooks"):
        yield from known_credential(data, ("monitoring", "webhooks", index, "credential"), hook.get("credential"))
        if hook.get("credential") is not None and str(hook.get("url")).startswith("http://"):
            yield _open_secret(("monitoring", "webhooks", index, "url"), str(hook["url"]), "an https address")


def _watcher_is_up(data: Data, name: object) -> Found:
    for _, host in items(data, "hosts"):
        if name is not None and host.get("name") == name and host.get("maintenance") is True:
            path: KeyPath = ("monitoring", "watcher")
            yield refused(
                "CONFIG_WATCHER_IN_MAINTENANCE",
                path,
                f"{name}, which is in maintenance",
                expected="a host that is visited",
                fix=remove_command(path),
                why="nobody would tell of a monitor that is silent",
            )


def _mail(data: Data, mail: Data) -> Found:
    here: KeyPath = ("monitoring", "mail")
    yield from known_credential(data, (*here, "credential"), mail.get("credential"))
    user, secret = mail.get("user"), mail.get("credential")
    if (user is None) != (secret is None):
        missing = "credential" if secret is None else "user"
        yield refused(
            "CONFIG_MAIL_LOGIN",
            (*here, missing),
            f"none, beside {'user' if secret is None else 'credential'}",
            expected="user and credential, or neither",
            fix=set_command((*here, missing), "…"),
        )
    if secret is not None and mail.get("tls") == "none":
        yield _open_secret((*here, "tls"), "none", "starttls or tls")
    yield from _unchecked(mail)


def _unchecked(mail: Data) -> Found:
    """What says whom to believe, where nobody is asked for a certificate."""
    for name in ("server_name", "ca"):
        if mail.get(name) is not None and mail.get("tls") == "none":
            path: KeyPath = ("monitoring", "mail", name)
            yield refused(
                "CONFIG_MAIL_UNCHECKED",
                path,
                "given, beside tls: none",
                expected="starttls or tls beside it, or neither",
                fix=remove_command(path),
                why="without TLS there is no certificate to check",
            )


def _open_secret(path: KeyPath, found: str, expected: str) -> FreeholdError:
    return refused(
        "CONFIG_OPEN_SECRET",
        path,
        found,
        expected=f"{expected}, where a credential is sent",
        fix=set_command(path, "…"),
        why="whoever carries the packets would read the secret",
    )
