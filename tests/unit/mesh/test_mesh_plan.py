"""Who is whose peer, and the texts that WireGuard reads."""

from typing import Any

import pytest

from freehold.errors import RefusedError
from freehold.mesh import plan

Document = dict[str, Any]


def test_the_control_host_dials_every_node_and_keeps_the_way_open(document: Document) -> None:
    end = plan.of_control(document)
    assert end.address == "203.0.113.1/24"
    assert [(peer.name, peer.endpoint, peer.keepalive) for peer in end.peers] == [
        ("gpu1", "192.0.2.11:51820", 25),
        ("gpu2", "192.0.2.12:51820", 25),
    ]


def test_a_node_has_all_others_and_the_control_host_which_calls_by_itself(document: Document) -> None:
    end = plan.of_node(document, "gpu1")
    assert (end.address, end.port) == ("203.0.113.11/24", 51820)
    assert [(peer.name, peer.endpoint, peer.keepalive) for peer in end.peers] == [
        ("control", "", 0),
        ("gpu2", "192.0.2.12:51820", 0),
    ]


def test_every_pair_knows_each_other(document: Document) -> None:
    pairs = {(name, peer.name) for name in ("gpu1", "gpu2") for peer in plan.of_node(document, name).peers}
    assert {("gpu1", "gpu2"), ("gpu2", "gpu1"), ("gpu1", "control"), ("gpu2", "control")} == pairs


def test_a_peer_may_send_from_its_own_address_only(document: Document) -> None:
    text = plan.peers_text(plan.of_control(document).peers)
    assert text.count("AllowedIPs = ") == 2
    assert "AllowedIPs = 203.0.113.11/32\n" in text


def test_an_endpoint_of_ipv6_stands_in_brackets(document: Document) -> None:
    document["mesh"]["peers"][0]["endpoint"] = "2001:db8::11"
    assert "Endpoint = [2001:db8::11]:51820" in plan.peers_text(plan.of_control(document).peers)


def test_the_head_names_a_port_only_where_there_is_one() -> None:
    assert "ListenPort" not in plan.interface_text("key", 0)
    assert "ListenPort = 51820\n" in plan.interface_text("key", 51820)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mesh": None}, "MESH_NOT_IN_DOCUMENT"),
        ({"mesh": {"network": "203.0.113.0/24", "port": 1, "control": {}, "peers": None}}, "MESH_PEERS_UNKNOWN"),
    ],
)
def test_a_document_without_a_mesh_or_its_peers_is_refused(document: Document, change: Document, code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        plan.of_control({**document, **change})
    assert refused.value.code == code
    assert "pulumi up" in refused.value.fix


def test_a_stranger_has_no_end(document: Document) -> None:
    with pytest.raises(RefusedError, match="gpu1, gpu2"):
        plan.of_node(document, "gpu3")
