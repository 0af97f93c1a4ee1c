"""The lab's frontier: a stand-in for a provider in the outside, and what the stack says of it.

It costs nothing and is nobody's; keys, certificate, prices and caps go the way that a real provider's go. No key may
use it until somebody says so (``freehold gateway key new NAME --frontier``).
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509

from freehold.keys import certificates
from freehold.lab import outside
from freehold.lab.launch import Service
from freehold.lab.plan import Plan
from freehold.lab.provider import server
from freehold.lab.web import wait_until
from freehold.lab.world import Lab
from freehold.paths import LabPaths
from freehold.steps import UP_TO_DATE, Report

GROUP = "provider"
PORT = 9443
CREDENTIAL = "stand-in"
LIFE = dt.timedelta(days=30)
TRY_SECONDS = 2
MODEL = "stand-in-1"
PER_MILLION = {"input_per_million": 3, "output_per_million": 15}

ROUTES = (
    ("frontier/asked", "stand-in-openai", "asked", "answer_locally"),
    ("frontier/always", "stand-in-openai", "always", "answer_locally"),
    ("frontier/strict", "stand-in-openai", "always", "refuse"),
    ("frontier/claude", "stand-in-anthropic", "always", "refuse"),
)
"""Model, provider, when, dark: one route of each kind."""


def folder(paths: LabPaths) -> Path:
    """Where the stand-in's files lie; :mod:`freehold.lab.provider.server` says which."""
    return paths.root / "provider"


def settings(plan: Plan, paths: LabPaths, models: Sequence[Any]) -> dict[str, Any]:
    """``fleet:frontier`` of the lab. The share is of a lab: an endpoint that hardly anybody asks.

    A request reserves some 2,200 tokens; five percent would want 42,000 tokens of local answers first.
    """
    chat = str(models[0]["name"])
    providers = [_provider(plan, paths, protocol) for protocol in ("openai", "anthropic")]
    prices = [
        {"provider": provider["name"], "model": MODEL, "effective_from": "2026-01-01", **PER_MILLION,
         "note": "made up: the stand-in is nobody's and costs nothing"}
        for provider in providers
    ]  # fmt: skip
    routes = [
        {"model": model, "provider": provider, "provider_model": MODEL, "local": chat, "when": when, "dark": dark}
        for model, provider, when, dark in ROUTES
    ]
    caps = {"share": 0.99, "window_days": 7, "usd_per_day": 1, "usd_per_month": 10}
    return {**caps, "providers": providers, "routes": routes, "prices": prices}


def raise_provider(lab: Lab, key: Path, report: Report) -> str:
    """Start it, with a certificate of its own; the file ``key`` holds what the gateways must show."""
    name, place = lab.plan.group(GROUP), folder(lab.paths)
    if lab.launcher.running(name) and _answers(lab.plan):
        return UP_TO_DATE
    address = str(lab.plan.outside_address)
    report(f"a stand-in for a frontier provider at {address}:{PORT}")
    ensure_files(place, address)
    task = json.dumps({"address": address, "port": PORT, "folder": str(place), "key": str(key)})
    words = [sys.executable, "-m", "freehold.lab.provider.server", task]
    log = lab.paths.logs / "provider.log"
    lab.launcher.start(Service(name, tuple(outside.command(lab.plan, words)), log))
    wait_until(lambda: _answers(lab.plan), f"{address}:{PORT}", log)
    return f"{address}:{PORT}"


def ensure_files(place: Path, address: str, now: dt.datetime | None = None) -> None:
    """Certificate and key of the stand-in, made once; the authority's own key is used once and forgotten."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (place / server.TLS).is_file():
        return
    begin = now or dt.datetime.now(dt.UTC)
    signer, own = certificates.new_tls_key(), certificates.new_tls_key()
    root = certificates.root(signer, "stand-in", begin, LIFE)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    issuer = certificates.Issuer(root, signer)
    leaf = certificates.leaf(own.public_key(), "stand-in", names, issuer, begin=begin, life=LIFE)
    (place / "ca.pem").write_bytes(root.public_bytes(certificates.PEM))
    (place / server.TLS).touch(mode=0o600)
    (place / server.TLS).write_bytes(leaf.public_bytes(certificates.PEM) + certificates.plain(own))


def _provider(plan: Plan, paths: LabPaths, protocol: str) -> dict[str, Any]:
    return {
        "name": f"stand-in-{protocol}",
        "protocol": protocol,
        "url": f"https://{plan.outside_address}:{PORT}/v1",
        "credential": CREDENTIAL,
        "ca": (folder(paths) / "ca.pem").read_text(encoding="ascii"),
    }


def _answers(plan: Plan) -> bool:
    try:
        with socket.create_connection((str(plan.outside_address), PORT), timeout=TRY_SECONDS):
            return True
    except OSError:
        return False
