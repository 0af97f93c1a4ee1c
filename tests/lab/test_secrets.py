"""No secret lies, runs or is logged where it has no business: each is looked for on every node and on this host."""

import secrets
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.lab import secret_search
from tests.lab.secret_search import Found, besides, needles
from tests.lab.world import Document

from freehold.paths import PROJECT, lab_paths
from freehold.status.gather import Access, ssh_command

NODE_SECRETS = {
    "internal-key": "/etc/freehold/credentials/internal-key",
    "tls.key": "/etc/freehold/credentials/tls.key",
    "wireguard": "/etc/wireguard/freehold.key",
}
ON_NODES = {
    "node internal-key": r"/etc/freehold/credentials/internal-key|/run/credentials/[^/]+/internal-key",
    "node tls.key": r"/etc/freehold/credentials/tls[.]key|/run/credentials/[^/]+/tls[.]key",
    "node wireguard": r"/etc/wireguard/freehold[.]key",
}
GIVEN = "secrets/stand-in-credential"
"""The owner's: Pulumi's configuration has it encrypted; each node has it in one place, where the gateway gets it."""
PLACE = "/etc/freehold/credentials/owner/stand-in"
PLACES = rf"{PLACE}|/run/credentials/freehold-gateway[.]service/stand-in"
PLANTED = "/var/lib/planted"
Ssh = dict[str, list[str]]


@pytest.fixture(scope="module")
def ssh(document: Document, access: Access) -> Ssh:
    return {host["name"]: ssh_command(host, access) for host in document["hosts"]}


@pytest.fixture(scope="module")
def of_this_host() -> dict[str, str]:
    """Secrets of the control host: name and content."""
    paths = lab_paths()
    files = [
        *paths.secrets.iterdir(),
        paths.pulumi / "passphrase",
        paths.ssh / "id_ed25519",
        paths.keys / "mesh/control.key",
    ]
    files += [*paths.keys.rglob("key.pem"), *paths.keys.rglob("tls.key")]
    return {str(file.relative_to(paths.root)): file.read_text(encoding="ascii") for file in files}


@pytest.fixture(scope="module")
def of_nodes(ssh: Ssh) -> dict[str, str]:
    """Secrets that were born on nodes, read by root there."""

    def read(name: str, path: str) -> str:
        done = subprocess.run([*ssh[name], f"sudo cat {path}"], capture_output=True, text=True, check=True, timeout=30)
        return done.stdout

    pairs = [(node, name) for node in ssh for name in NODE_SECRETS]
    with ThreadPoolExecutor() as pool:
        texts = list(pool.map(lambda pair: read(pair[0], NODE_SECRETS[pair[1]]), pairs))
    return {f"node {name} of {node}": text for (node, name), text in zip(pairs, texts, strict=True)}


@pytest.fixture(scope="module")
def wanted(of_this_host: dict[str, str], of_nodes: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in (of_this_host | of_nodes).items():
        found |= needles(name, text)
    return found


def search_nodes(ssh: Ssh, wanted: dict[str, str]) -> dict[str, list[Found]]:
    with ThreadPoolExecutor() as pool:
        results = pool.map(lambda words: secret_search.on_node(words, wanted), ssh.values())
        return dict(zip(ssh, results, strict=True))


def test_every_kind_of_secret_is_looked_for(wanted: dict[str, str], ssh: Ssh) -> None:
    names = set(wanted.values())
    kinds = {
        GIVEN,
        "secrets/operator-key",
        "secrets/digest-key",
        "secrets/root-passphrase",
        "pulumi/passphrase",
        "ssh/id_ed25519",
    }
    assert kinds <= names
    for part in ("pki/root/", "pki/issuing/", "pki/signing/evidence/", "pki/mesh/control.key"):
        assert any(name.startswith(part) for name in names), part
    assert len([name for name in names if name.startswith("node ")]) == len(NODE_SECRETS) * len(ssh)


def test_nodes_hold_their_own_secrets_in_their_places_and_no_others(ssh: Ssh, wanted: dict[str, str]) -> None:
    found = search_nodes(ssh, wanted)
    for node, places in found.items():
        own = {
            name: where for name, where in ON_NODES.items() if any(one.secret == f"{name} of {node}" for one in places)
        }
        assert set(own) == set(ON_NODES), "a search that misses what is known to be there proves nothing"
        assert Found(GIVEN, PLACE) in places
        allowed = {GIVEN: PLACES} | {f"{name} of {node}": where for name, where in ON_NODES.items()}
        assert besides(places, allowed) == []


def test_state_logs_and_processes_of_this_host_hold_none(wanted: dict[str, str], of_this_host: dict[str, str]) -> None:
    root = lab_paths().root
    # Disks of nodes are searched from inside; `base` is the distribution's.
    found = secret_search.here(root, wanted, "nodes", "base")
    allowed = {name: str(root / name) for name in of_this_host}
    assert {one.secret for one in found} >= set(of_this_host), "each is found in its own place"
    assert besides(found, allowed) == []
    assert besides(secret_search.here(PROJECT / "stacks", wanted), {}) == []


def test_a_unit_gets_what_the_owner_gave(ssh: Ssh, of_this_host: dict[str, str]) -> None:
    """The value that Pulumi has encrypted is the one that systemd hands to a service, and root's alone besides."""
    unit = f"sudo systemd-run --wait --pipe --quiet -p DynamicUser=yes -p LoadCredential=stand-in:{PLACE}"
    for words in ssh.values():
        script = f"{unit} sh -c 'cat $CREDENTIALS_DIRECTORY/stand-in'; sudo stat -c %U:%a {PLACE}"
        done = subprocess.run([*words, script], capture_output=True, text=True, check=True, timeout=30)
        assert done.stdout == f"{of_this_host[GIVEN]}root:600\n"


@pytest.fixture
def planted(ssh: Ssh, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A secret of this test's, in each kind of place of a node; ``tmp_path`` stands for the control host's logs."""
    node, secret = next(iter(ssh)), f"planted-{secrets.token_hex(16)}"
    script = (
        f"echo 'key = {secret};' > {PLANTED}; logger -t planted {secret}; journalctl --sync; "
        f"PLANTED={secret} setsid sleep 60 </dev/null >/dev/null 2>&1 & echo $! > /run/planted.1; "
        f"setsid sh -c 'sleep 60; : {secret}' </dev/null >/dev/null 2>&1 & echo $! > /run/planted.2"
    )
    subprocess.run([*ssh[node], "sudo sh -s"], input=script, text=True, check=True, timeout=30)
    (tmp_path / "run.log").write_text(f"Authorization: Bearer {secret}\n")
    yield node, secret
    away = f"kill $(cat /run/planted.1 /run/planted.2); rm -f {PLANTED} /run/planted.1 /run/planted.2"
    subprocess.run([*ssh[node], f"sudo sh -c '{away}'"], check=False, timeout=30)


def test_a_planted_secret_is_found_in_every_kind_of_place(ssh: Ssh, planted: tuple[str, str], tmp_path: Path) -> None:
    node, secret = planted
    places = [one.place for one in secret_search.on_node(ssh[node], needles("planted", secret))]
    assert PLANTED in places
    assert secret_search.JOURNAL in places
    assert [place for place in places if place.endswith("/environ")]
    assert [place for place in places if place.endswith("/cmdline")]
    found = secret_search.here(tmp_path, needles("planted", secret))
    assert str(tmp_path / "run.log") in [one.place for one in found]
