"""The paths between gateways: for nodes alone, each for itself, and only at the authority; nonsense is named."""

from __future__ import annotations

import http.client
import json
from contextlib import ExitStack
from typing import Any

import pytest
from tests.unit.gateway.authority.federation import AUTHORITY, MADE, Federation, command, digest
from tests.unit.gateway.harness import CLIENT_KEY, Harness
from tests.unit.keys import party

from freehold.gateway.authority.messages import FOLLOW, LEASE, Follow
from freehold.ledger.caps import Amount
from freehold.ledger.holdings import LeaseAsk, LeaseReport
from freehold.ledger.key_records import KeyLimits

PATHS = (FOLLOW, LEASE)
LEASE_ASK = {"version": 1, "ask": LeaseAsk("l1", "k", 100, 100, 60).as_json()}


def post(
    site: Federation, gateway: Harness, path: str, message: Any, *, node: str = "gpu2", kind: str = "node"
) -> tuple[int, dict[str, Any]]:
    """With a certificate of ``node``, and with a client's key."""
    return said(to(site, gateway, node, kind), path, message)


def to(site: Federation, gateway: Harness, node: str = "gpu2", kind: str = "node") -> http.client.HTTPSConnection:
    assert gateway.addresses.mesh is not None
    party.holder(site.keys, node, site.folder / node, kind=kind)
    context = party.client(site.folder / AUTHORITY, site.folder / node)
    return http.client.HTTPSConnection(party.HOST, gateway.addresses.mesh[1], timeout=5, context=context)


def said(connection: http.client.HTTPConnection, path: str, message: Any) -> tuple[int, dict[str, Any]]:
    raw = message if isinstance(message, bytes) else json.dumps(message).encode()
    connection.request("POST", path, raw, {"Authorization": f"Bearer {CLIENT_KEY}"})
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found


@pytest.mark.parametrize("path", PATHS)
def test_for_who_is_no_node_there_is_no_such_path(site: Federation, authority: Harness, path: str) -> None:
    word = Follow().as_json()
    plain = http.client.HTTPConnection(*authority.addresses.public, timeout=5)
    for status, error in (said(plain, path, word), post(site, authority, path, word, node="app", kind="client")):
        assert (status, error["error"]["code"]) == (404, "unknown_url")
        assert "fleet" not in error["error"]["message"]


def test_a_node_hears_the_keys_and_never_a_key(site: Federation, authority: Harness) -> None:
    with command(site.ledger(AUTHORITY)) as keys:
        keys.create("made", digest(MADE), KeyLimits(tokens_per_day=7))
    status, told = post(site, authority, FOLLOW, Follow().as_json())
    assert status == 200
    rows = {row["name"]: row for row in told["keys"]["keys"]}
    assert rows["made"]["sha256"] == digest(MADE)
    assert rows["made"]["tokens_per_day"] == 7
    assert MADE not in json.dumps(told)
    again = Follow(told["session"], told["number"], told["keys"]["source"], told["keys"]["version"])
    status, told = post(site, authority, FOLLOW, again.as_json())
    assert (status, told["keys"], told["number"], told["whole"]) == (200, None, 2, False)
    # What goes well is not recorded each second; it is seen in the gauges.
    assert authority.count("freehold_gateway_requests_total", path=FOLLOW) == 0
    assert authority.count("freehold_gateway_follower_behind", node="gpu2") == 0
    boasting = Follow("another session", 1, told["session"], 99)
    assert post(site, authority, FOLLOW, boasting.as_json(), node="gpu3")[0] == 200
    assert authority.count("freehold_gateway_follower_behind", node="gpu3") > 0, "it is told anew, so it knows nothing"


def test_who_speaks_is_in_the_certificate_whatever_the_message_says(site: Federation, authority: Harness) -> None:
    with command(site.ledger(AUTHORITY)) as keys:
        key = keys.create("made", digest(MADE), KeyLimits(frontier=True)).id
        ask = LeaseAsk("l1", key, 100, 100, 60)
        message = {"version": 1, "ask": ask.as_json()}
        status, told = post(site, authority, LEASE, message)
        assert (status, told["lease"]["tokens"], told["refusal"]) == (200, 100, None)
        assert post(site, authority, LEASE, message)[0] == 200, "the same ask again is the same lease"
        status, told = post(site, authority, LEASE, message, node="gpu3")
        assert (status, told["error"]["code"]) == (409, "lease_refused")
        status, told = post(site, authority, LEASE, {**message, "node": "gpu2"}, node="gpu3")
        assert (status, told["error"]["code"]) == (400, "fleet_bad_message")
        report = LeaseReport("l1", key, final=True, spent=Amount(0, 0), rows=())
        for node, refused in (("gpu3", {"l1": "LEASE_REFUSED"}), ("gpu2", {})):
            _, told = post(site, authority, FOLLOW, Follow(reports=(report,)).as_json(), node=node)
            assert told["refused"] == refused
    assert authority.count("freehold_gateway_leases_outstanding") == 0


def test_a_follower_says_whom_to_ask(site: Federation, stack: ExitStack, authority: Harness) -> None:
    follower = stack.enter_context(site.follower("gpu2", authority))
    for path in PATHS:
        status, told = post(site, follower, path, Follow().as_json(), node="gpu3")
        assert (status, told["error"]["code"]) == (421, "not_the_authority")
        assert told["error"]["message"].endswith(f"Ask the authority: {AUTHORITY}.")


def test_an_authority_without_a_ledger_says_so(site: Federation, stack: ExitStack) -> None:
    site.ledger(AUTHORITY).parent.mkdir(parents=True, mode=0o700)
    site.ledger(AUTHORITY).write_bytes(b"not a database" * 1000)
    broken = stack.enter_context(site.authority())
    status, told = post(site, broken, FOLLOW, Follow().as_json())
    assert (status, told["error"]["code"]) == (503, "no_ledger")


GOOD = Follow().as_json()
NONSENSE = [
    (FOLLOW, b"{", "fleet_bad_message"),
    (FOLLOW, b'{"version":1,"version":1}', "fleet_bad_message"),
    (FOLLOW, [], "fleet_bad_message"),
    (FOLLOW, {}, "fleet_version"),
    (FOLLOW, {**GOOD, "version": 2}, "fleet_version"),
    (FOLLOW, {**GOOD, "version": True}, "fleet_version"),
    (FOLLOW, {**GOOD, "node": "gpu9"}, "fleet_bad_message"),
    (FOLLOW, {name: value for name, value in GOOD.items() if name != "tokens"}, "fleet_bad_message"),
    (FOLLOW, {**GOOD, "session": "x" * 65}, "fleet_bad_message"),
    (FOLLOW, {**GOOD, "position": -1}, "fleet_bad_message"),
    (FOLLOW, {**GOOD, "day": 1.5}, "fleet_bad_message"),
    (FOLLOW, {**GOOD, "whole": "yes"}, "fleet_bad_message"),
    (FOLLOW, {**GOOD, "tokens": {"k": -1}}, "fleet_bad_message"),
    (FOLLOW, {**GOOD, "tokens": {"k": 10**16}}, "fleet_bad_message"),
    (FOLLOW, {**GOOD, "tokens": [1]}, "fleet_bad_message"),
    (FOLLOW, {**GOOD, "hours": {"soon": 1}}, "fleet_bad_message"),
    (FOLLOW, {**GOOD, "hours": {"9" * 30: 1}}, "fleet_bad_message"),
    (FOLLOW, {**GOOD, "reports": [{"lease_id": "x"}]}, "fleet_bad_message"),
    (FOLLOW, {**GOOD, "reports": {}}, "fleet_bad_message"),
    (LEASE, GOOD, "fleet_bad_message"),
    (LEASE, {"version": 7, "ask": {}}, "fleet_version"),
    (LEASE, {"version": 1, "ask": {"id": "x"}}, "lease_bad_message"),
    (LEASE, {**LEASE_ASK, "ask": {**LEASE_ASK["ask"], "tokens": 0}}, "ledger_bad_amount"),  # type: ignore[dict-item]
]


def test_nonsense_is_refused_with_its_reason_and_changes_nothing(site: Federation, authority: Harness) -> None:
    for path, message, reason in NONSENSE:
        status, told = post(site, authority, path, message)
        assert (status, told["error"]["code"]) == (400, reason), message
    assert post(site, authority, FOLLOW, GOOD)[0] == 200, "the control: the same without the nonsense"
    assert post(site, authority, LEASE, LEASE_ASK)[1]["refusal"]["code"] == "FRONTIER_KEY_REFUSED"
    assert authority.count("freehold_gateway_refusals_total", reason="fleet_bad_message") > 10


def test_a_huge_message_is_refused(site: Federation, authority: Harness) -> None:
    for size, status in ((9 * 1024 * 1024, 413), (len(b"{}"), 400)):
        connection = to(site, authority)
        connection.putrequest("POST", FOLLOW)
        connection.putheader("content-length", str(size))
        connection.endheaders(b"{}")
        assert connection.getresponse().status == status
        connection.close()
