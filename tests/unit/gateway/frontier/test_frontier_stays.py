"""What stops a request stops it whole: the provider receives nothing, and the client hears why."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gateway.frontier.provider import Provider, serving
from tests.unit.gateway.frontier.site import ASKED, BEST, CLAUDE, MAY, MAY_NOT, STRICT, USD, Site, chat, site
from tests.unit.gateway.harness import CHAT, EMBEDDING, eventually

from freehold.gateway.config import Key
from freehold.gateway.config_frontier import Route
from freehold.ledger import clock as clocks
from freehold.ledger.clock import LedgerClock
from freehold.ledger.keys import KeyTable
from freehold.ledger.store import Store, close_frontier

CARD = "my card is 4111 1111 1111 1111"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
PRIVATE = "-----BEGIN RSA PRIVATE KEY-----"

CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "key": ("key_may_not", {}, {"key": MAY_NOT}),
    "rule": ("rule_found", {}, {"words": CARD}),
    "own rule": ("rule_found", {"policy": {"own": [{"id": "projects", "words": ["Bluebird"]}]}}, {"words": "bluebird"}),
    "price": ("price_unknown", {"prices": []}, {}),
    "day": ("money_cap", {"nano_usd_per_day": USD // 1000}, {}),
    "month": ("money_cap", {"nano_usd_per_month": USD // 1000}, {}),
    "share": ("share_cap", {"share_ppm": 50_000}, {}),
    "path": ("no_provider", {}, {"path": "/v1/messages"}),
}


def stays(here: Site, reason: str, words: str = "hello", path: str = "/v1/chat/completions", key: str = MAY) -> None:
    """By both ways of a route, in both forms, with nothing sent and nothing reserved."""
    for stream in (False, True):
        _, _, kept = here.ask(chat(words, stream=stream), path, key)
        assert (kept["x-freehold-route"], kept["x-freehold-frontier"]) == ("local", reason)
    status, said, headers = here.ask(chat(words, STRICT), path, key)
    assert (400 <= status <= 529, headers["x-freehold-frontier"], headers["x-freehold-route"]) == (True, reason, None)
    assert here.provider.connections == 0
    assert here.exceptions() == []
    told = said["error"]
    assert "rver" in told["type"] or "error" in told["type"]
    assert path == "/v1/messages" or told["code"] == f"frontier_{reason}"
    assert here.decided(outcome="refused", reason=reason) == 1
    assert here.decided(outcome="local", reason=reason) == 2


@pytest.mark.parametrize("case", CASES)
def test_each_reason_keeps_it_here(provider: Provider, ca: str, tmp_path: Path, case: str) -> None:
    reason, settings, asked = CASES[case]
    with site(provider, ca, tmp_path, **settings) as here:
        stays(here, reason, **asked)
        if not settings:  # the control: the same gateway lets the plain request out
            assert here.ask(chat())[2]["x-freehold-route"] == "frontier"
            assert provider.connections == 1


def test_a_refusal_names_the_rule_and_the_place_and_never_the_text(here: Site) -> None:
    status, said, _ = here.ask(chat(CARD, STRICT))
    assert status == 403
    assert "card" in said["error"]["message"]
    assert "$.messages[0].content" in said["error"]["message"]
    assert "4111" not in str(said)
    assert "4111" not in here.gateway.metrics()
    assert here.gateway.count("freehold_frontier_findings_total") == 1
    status, said, _ = here.ask(chat(PRIVATE, CLAUDE), "/v1/messages")
    assert (status, said["error"]["type"]) == (403, "permission_error")
    assert here.provider.connections == 0


def test_images_stay_and_leave_where_the_owner_says_what_one_costs(provider: Provider, ca: str, tmp_path: Path) -> None:
    picture = "data:image/png;base64," + base64.b64encode(PNG).decode()
    parts = [{"type": "text", "text": "what is it"}, {"type": "image_url", "image_url": {"url": picture}}]
    body = {**chat(), "messages": [{"role": "user", "content": parts}]}
    with site(provider, ca, tmp_path / "a") as here:
        assert here.ask(body)[2]["x-freehold-frontier"] == "rule_found"
    with site(provider, ca, tmp_path / "b", policy={"images": True}) as here:
        assert here.ask(body)[2]["x-freehold-frontier"] == "price_unknown"
    assert provider.connections == 0
    with site(provider, ca, tmp_path / "c", policy={"images": True}, change=_with_images) as here:
        assert here.ask(body)[2]["x-freehold-route"] == "frontier"
        assert here.settled()[0]["worst_tokens"] > 5000


def _with_images(config: Any) -> Any:
    told = config.frontier
    providers = tuple(replace(one, tokens_each_image=5000) for one in told.providers)
    return replace(config, frontier=replace(told, providers=providers))


def test_the_client_can_forbid_it_and_saying_two_things_is_not_allowing(here: Site) -> None:
    for said in ("deny", "no", "ALLOWED"):
        _, _, headers = here.ask(chat(), x_freehold_frontier=said)
        assert headers["x-freehold-route"] == "local"
    assert here.provider.connections == 0
    assert here.ask(chat(model=ASKED), x_freehold_frontier="Allow")[2]["x-freehold-route"] == "frontier"


def test_a_local_model_never_leads_away_whatever_the_header_says(here: Site) -> None:
    _, _, headers = here.ask(chat(model=CHAT), x_freehold_frontier="allow")
    assert (headers["x-freehold-route"], headers["x-freehold-frontier"]) == ("local", "no_provider")
    assert here.provider.connections == 0


def test_a_number_that_no_json_can_say_is_refused_before_anything_is_reserved(here: Site) -> None:
    connection = http.client.HTTPConnection(*here.gateway.addresses.public, timeout=10)
    body = json.dumps(chat(temperature=0.5)).replace("0.5", "1e999")
    connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {MAY}"})
    assert connection.getresponse().status == 400
    connection.close()
    assert (here.provider.connections, here.exceptions()) == (0, [])


def test_embeddings_leave_only_where_the_route_s_own_model_makes_them(
    provider: Provider, ca: str, tmp_path: Path
) -> None:
    def change(config: Any) -> Any:
        told = config.frontier
        route = Route("frontier/embed", "acme", "big-1", EMBEDDING, always=True, dark="answer_locally")
        return replace(config, frontier=replace(told, routes=(*told.routes, route)))

    with site(provider, ca, tmp_path, change=change) as here:
        assert here.ask({"model": BEST, "input": "a text"}, "/v1/embeddings")[0] == 404
        assert provider.connections == 0
        assert here.ask({"model": "frontier/embed", "input": "a text"}, "/v1/embeddings")[0] == 200
        assert provider.seen[0][0] == "/v1/embeddings"
        assert (here.settled()[0]["completion"], here.settled()[0]["worst_tokens"] > 2048) == (3, True)


def test_a_key_that_may_use_the_local_model_alone_may_not_use_the_name_that_leads_away(
    provider: Provider, ca: str, tmp_path: Path
) -> None:
    narrow = Key("narrow", hashlib.sha256(b"fh-narrow").hexdigest(), models=(CHAT,), frontier=True)
    with site(provider, ca, tmp_path, change=lambda config: replace(config, keys=(*config.keys, narrow))) as here:
        assert here.ask(chat(), key="fh-narrow")[0] == 403
        assert here.ask(chat(model=CHAT), key="fh-narrow")[0] == 200
        assert provider.connections == 0


def test_a_provider_without_its_key_is_none(provider: Provider, ca: str, tmp_path: Path) -> None:
    def change(config: Any) -> Any:
        told = config.frontier
        providers = tuple(replace(one, credential="nowhere") for one in told.providers)
        return replace(config, frontier=replace(told, providers=providers))

    with site(provider, ca, tmp_path, change=change) as here:
        stays(here, "no_provider")


def test_nothing_leaves_while_the_ledger_cannot_be_written_and_local_traffic_goes_on(here: Site) -> None:
    assert here.ask(chat())[2]["x-freehold-route"] == "frontier"
    here.settled()
    with ExitStack() as held:
        writer = held.enter_context(sqlite3.connect(here.path, isolation_level=None))
        writer.execute("BEGIN IMMEDIATE")  # as a disk that hangs, or another process that does
        began = time.monotonic()
        seen = [here.ask(chat())[2] for _ in range(5)]
        assert time.monotonic() - began < 8  # not two seconds for each of them
        assert here.ask(chat(model=CHAT))[0] == 200
        writer.execute("ROLLBACK")
    assert {(one["x-freehold-route"], one["x-freehold-frontier"]) for one in seen} == {("local", "ledger_not_writable")}
    assert len(here.provider.seen) == 1
    eventually(lambda: here.ask(chat())[2]["x-freehold-route"] == "frontier")  # it goes on by itself


def test_nothing_leaves_from_a_ledger_that_was_replaced(here: Site) -> None:
    assert here.ask(chat())[2]["x-freehold-route"] == "frontier"
    here.settled()
    here.path.rename(here.path.with_suffix(".gone"))
    assert here.ask(chat())[2]["x-freehold-frontier"] == "ledger_not_writable"
    assert here.ask(chat(model=STRICT))[0] == 503
    assert here.ask(chat(model=CHAT))[0] == 200
    assert len(here.provider.seen) == 1


def test_nothing_leaves_from_a_ledger_that_was_made_read_only(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert here.ask(chat())[2]["x-freehold-route"] == "frontier"
    here.settled()
    begin = Store.transaction

    @contextmanager
    def read_only(store: Store) -> Iterator[sqlite3.Connection]:
        # As for a file system that was mounted anew: even root cannot write, and SQLite says so at the first write.
        with begin(store) as connection:
            connection.execute("PRAGMA query_only = ON")
            try:
                yield connection
            finally:
                connection.execute("PRAGMA query_only = OFF")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "transaction", read_only)
        assert here.ask(chat())[2]["x-freehold-frontier"] == "ledger_not_writable"
        assert here.ask(chat(model=CHAT))[0] == 200
        assert len(here.provider.seen) == 1
    eventually(lambda: here.ask(chat())[2]["x-freehold-route"] == "frontier")


def test_nothing_leaves_without_a_ledger(provider: Provider, ca: str, tmp_path: Path) -> None:
    with site(provider, ca, tmp_path, change=lambda config: replace(config, ledger=None)) as here:
        _, _, headers = here.ask(chat())
        assert (headers["x-freehold-route"], headers["x-freehold-frontier"]) == ("local", "ledger_not_writable")
        assert provider.connections == 0


def test_nothing_leaves_after_a_step_of_the_clock(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LedgerClock, "stepped", property(lambda _: 3_600_000))
    stays(here, "clock_stepped")
    monkeypatch.undo()
    assert here.ask(chat())[2]["x-freehold-route"] == "frontier"


def test_nothing_leaves_from_books_that_the_owner_closed(here: Site) -> None:
    with Store.open(here.path) as store, store.transaction() as connection:
        close_frontier(connection, 1 << 45, "a copy was brought back")
    stays(here, "money_cap")


def test_a_follower_without_a_lease_lets_nothing_out(provider: Provider, ca: str, tmp_path: Path) -> None:
    with site(provider, ca, tmp_path, change=lambda config: replace(config, authority="another")) as here:
        stays(here, "no_lease")


def test_a_key_that_was_revoked_a_moment_ago_lets_nothing_out(here: Site) -> None:
    assert here.ask(chat())[2]["x-freehold-route"] == "frontier"
    here.settled()
    with Store.open(here.path) as store:
        KeyTable(store, clocks.of_machine(store)).revoke("may", "lost")
    status, _, headers = here.ask(chat())
    # By the ledger, before memory knows; or by memory, which looks once a second.
    assert (status, headers["x-freehold-frontier"]) in {(200, "key_may_not"), (401, None)}
    assert len(here.provider.seen) == 1


def test_another_s_certificate_is_never_sent_a_byte(
    provider: Provider, ca: str, tmp_path: Path, other_certificates: Path
) -> None:
    crt, key = other_certificates / "tls.crt", other_certificates / "tls.key"
    with serving(crt, key) as other, site(other, ca, tmp_path) as here:
        _, _, kept = here.ask(chat())
        assert (kept["x-freehold-route"], kept["x-freehold-frontier"]) == ("local", "provider_dark")
        assert (other.connections, other.seen) == (1, [])
        (row,) = here.settled(1, "abandoned")
        assert (row["charged_nano_usd"], row["outcome"]) == (0, "the provider was not reached")
        assert [use["route"] for use in here.usage(1)] == ["local"]
    with site(provider, "", tmp_path / "b") as here:  # by the system's authorities, who know nothing of ours
        assert here.ask(chat())[2]["x-freehold-frontier"] == "provider_dark"
        assert provider.seen == []


def test_a_certificate_of_another_name_is_none(provider: Provider, ca: str, tmp_path: Path) -> None:
    def change(config: Any) -> Any:
        told = config.frontier
        providers = tuple(replace(one, url=one.url.replace("127.0.0.1", "localhost")) for one in told.providers)
        return replace(config, frontier=replace(told, providers=providers))

    with site(provider, ca, tmp_path, change=change) as here:
        assert here.ask(chat())[2]["x-freehold-frontier"] == "provider_dark"
        assert provider.seen == []
        here.settled(1, "abandoned")
