"""Two gateways, one authority: what leaves is paid from the same caps; without the authority nothing more leaves."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gateway.authority.federation import AUTHORITY, Federation
from tests.unit.gateway.authority.lending import Books
from tests.unit.gateway.frontier.provider import Provider
from tests.unit.gateway.frontier.site import BEST, CHAT_COST, SECRET, Site, chat, exception, keys
from tests.unit.gateway.harness import Harness, eventually

from freehold.gateway.config_frontier import FrontierConfig
from freehold.keys import sealed


@pytest.fixture
def federation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Federation:
    monkeypatch.setattr(sealed, "COST", 16)
    for name in ("acme", "maker"):
        (tmp_path / "credentials").mkdir(exist_ok=True)
        (tmp_path / "credentials" / name).write_text(SECRET + "\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    return Federation(tmp_path)


@pytest.fixture
def stack() -> Any:
    with ExitStack() as opened:
        yield opened


def followed(follower: Harness) -> Harness:
    eventually(lambda: follower.count("freehold_gateway_keys_version") > 0)
    return follower


def seen(federation: Federation, node: str, gateway: Harness, provider: Provider) -> Site:
    return Site(gateway, provider, federation.ledger(node))


def test_a_follower_sends_out_what_the_authority_lent_it(federation: Federation, provider: Provider, ca: str) -> None:
    told: dict[str, Any] = {"frontier": exception(provider, ca), "keys": keys()}
    ledger = Books(federation.ledger(AUTHORITY))
    with federation.authority(**told) as authority:
        with federation.follower("gpu2", authority, **told) as follower:
            here = seen(federation, "gpu2", followed(follower), provider)
            for _ in range(3):
                assert here.ask(chat())[2]["x-freehold-route"] == "frontier"
            here.settled(3)
            assert here.gateway.count("freehold_gateway_lease_asks_total", answer="lent") == 1, "one lease for a few"
            assert ledger.charged.nano_usd > 3 * CHAT_COST, "all of the lease counts while it lasts"
        assert ledger.charged.nano_usd == 3 * CHAT_COST, "what was not spent came back with the follower's end"
        assert ledger.outstanding == []
        assert ledger.clean


def test_without_the_authority_the_local_model_answers_and_says_why(
    federation: Federation, stack: ExitStack, provider: Provider, ca: str
) -> None:
    told: dict[str, Any] = {"frontier": exception(provider, ca), "keys": keys()}
    with federation.authority(**told) as authority, federation.follower("gpu2", authority, **told) as follower:
        here = seen(federation, "gpu2", followed(follower), provider)
        assert here.ask(chat())[2]["x-freehold-route"] == "frontier"
    alone = seen(federation, "gpu2", stack.enter_context(federation.follower("gpu2", authority, **told)), provider)
    status, _, headers = alone.ask(chat())
    assert (status, headers["x-freehold-route"], headers["x-freehold-frontier"]) == (200, "local", "no_lease")
    assert len(provider.seen) == 1


def test_two_gateways_together_spend_no_more_than_the_day_allows(
    federation: Federation, stack: ExitStack, provider: Provider, ca: str
) -> None:
    allowed = 80_000_000  # six requests at their dearest; a lease is four
    frontier: FrontierConfig = exception(provider, ca, nano_usd_per_day=allowed)
    told: dict[str, Any] = {"frontier": frontier, "keys": keys()}
    authority = stack.enter_context(federation.authority(**told))
    follower = followed(stack.enter_context(federation.follower("gpu2", authority, **told)))
    nodes = {AUTHORITY: authority, "gpu2": follower}
    sites = [seen(federation, node, gateway, provider) for node, gateway in nodes.items()]

    for site in reversed(sites):
        assert site.ask(chat())[2]["x-freehold-route"] == "frontier", "both have a part"

    def many(site: Site) -> None:
        for _ in range(60):
            site.ask(chat(model=BEST))

    threads = [threading.Thread(target=many, args=(site,)) for site in sites for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert 0 < len(provider.seen) * CHAT_COST <= allowed
    assert any(site.decided(reason="money_cap") or site.decided(reason="no_lease") for site in sites), "the control"
