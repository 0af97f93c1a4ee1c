"""A browser at the gateway: a key as the password of HTTP Basic, and refusals as a page."""

from __future__ import annotations

import base64
import binascii
import html
from collections.abc import Iterable, Sequence

from freehold.gateway.refusals import RefusalError

Headers = Iterable[tuple[bytes, bytes]]
SCHEME = b"basic "
CHALLENGE = ((b"www-authenticate", b'Basic realm="Freehold status", charset="UTF-8"'),)

NOTHING_ELSE = b"default-src 'none'; style-src 'unsafe-inline'; img-src data:"
NOBODYS = b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
SAFE = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", NOTHING_ELSE + b"; " + NOBODYS),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
"""The page has no script, asks nobody, is in nobody's frame, and stays in no cache: it names the fleet's nodes."""

HTML = ((b"content-type", b"text/html; charset=utf-8"),)
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Freehold status: {title}</title>
<style>body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }}</style>
</head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""
TITLES = {400: "Not understood", 401: "A key is needed", 403: "Not for this key"}


def with_bearer(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers with a Basic password as a bearer token; whatever the user's name is."""
    return [(name, _bearer(value)) if name == b"authorization" else (name, value) for name, value in headers]


def _bearer(value: bytes) -> bytes:
    if not value.lower().startswith(SCHEME):
        return value
    try:
        user_and_password = base64.b64decode(value[len(SCHEME) :].strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return b"Bearer " + user_and_password.partition(b":")[2]


def wants_html(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a page is more use to the client than JSON."""
    return any(name == b"accept" and b"text/html" in value.lower() for name, value in headers)


def page(refusal: RefusalError) -> bytes:
    """A refusal for people."""
    title = TITLES.get(refusal.status, "No status page now")
    return PAGE.format(title=title, text=html.escape(refusal.message)).encode()
