"""The file of the other gateways is read again when it changed; a broken one changes nothing."""

import json
import time
from pathlib import Path

import pytest

from freehold.gateway.routing.fleet import Fleet
from freehold.gateway.routing.peers import Peer, PeersFile
from freehold.gateway.routing.replicas import Replicas

ROWS = [{"node": "gpu2", "host": "10.85.0.12", "port": 8443}, {"node": "gpu3", "host": "fd00::13", "port": 8443}]


def write(path: Path, text: str) -> None:
    """As Ansible does: another file in its place."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


def test_a_node_that_comes_is_seen_and_an_unchanged_file_is_not_read(tmp_path: Path) -> None:
    file = PeersFile(tmp_path / "peers.json")
    assert not file.refresh()
    assert not file.peers
    write(file.path, json.dumps({"peers": ROWS}))
    assert file.refresh()
    assert [peer.url for peer in file.peers] == ["https://10.85.0.12:8443", "https://[fd00::13]:8443"]
    assert not file.refresh()
    write(file.path, json.dumps({"peers": ROWS[:1]}))
    assert file.refresh()
    assert file.peers == (Peer("gpu2", "10.85.0.12", 8443),)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", json.dumps({"peers": [{"node": "gpu2", "host": "gpu2.example", "port": 8443}]})]
)
def test_what_cannot_be_read_leaves_what_was_known(tmp_path: Path, text: str) -> None:
    file = PeersFile(tmp_path / "peers.json")
    write(file.path, json.dumps({"peers": ROWS}))
    assert file.refresh()
    write(file.path, text)
    assert not file.refresh()
    assert len(file.peers) == 2


def test_a_file_that_goes_leaves_what_was_known(tmp_path: Path) -> None:
    file = PeersFile(tmp_path / "peers.json")
    write(file.path, json.dumps({"peers": ROWS}))
    file.refresh()
    file.path.unlink()
    assert not file.refresh()
    assert len(file.peers) == 2


def test_a_peer_whose_runtimes_may_not_be_used_is_known_all_the_same(tmp_path: Path) -> None:
    file = PeersFile(tmp_path / "peers.json")
    write(file.path, json.dumps({"peers": [{**ROWS[0], "replica": False}, ROWS[1]]}))
    fleet = Fleet(Replicas("gpu1", time.monotonic), file)
    fleet.look()
    assert set(fleet.replicas.known) == {"gpu1", "gpu3"}
    assert fleet.peer("gpu2") == Peer("gpu2", "10.85.0.12", 8443, replica=False)
    assert fleet.peer("gpu4") is None
