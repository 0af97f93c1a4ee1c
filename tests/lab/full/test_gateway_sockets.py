"""Another address moves the gateway's sockets, the same one leaves them alone, and who has it already is named."""

import copy
import json
from collections.abc import Callable, Iterator

import pytest
from testinfra.host import Host
from tests.lab.world import Document, NodeOf

from freehold.paths import PROJECT, lab_paths
from freehold.process import Completed, run

OTHER = 8090
BOTH = "systemctl show --property=InvocationID freehold-gateway.socket freehold-gateway.service"
SQUATTER = "squatter.service"

Converge = Callable[[int], Completed]


@pytest.fixture(scope="module")
def host(document: Document) -> Document:
    found: Document = document["hosts"][-1]
    return found


@pytest.fixture(scope="module")
def there(node_of: NodeOf, host: Document) -> Host:
    return node_of(host["name"])


@pytest.fixture(scope="module")
def converge(document: Document, host: Document, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Converge]:
    """Converge the last node by hand, with the gateway at a port; in the end it is the lab's own again."""
    path = tmp_path_factory.mktemp("documents") / "fleet.json"
    env = {"FREEHOLD_FLEET_DOCUMENT": str(path), "FREEHOLD_KNOWN_HOSTS": str(lab_paths().export / "known_hosts")}
    words = [str(PROJECT / ".venv/bin/ansible-playbook"), "-i", "inventory/lab", "playbooks/site.yml"]

    def at(port: int) -> Completed:
        changed = copy.deepcopy(document)
        changed["gateway"]["port"] = port
        path.write_text(json.dumps(changed), encoding="utf-8")
        return run([*words, "--limit", host["name"]], cwd=PROJECT, env=env, timeout=600, check=False)

    yield at
    assert at(document["gateway"]["port"]).returncode == 0


@pytest.fixture
def squatter(there: Host, host: Document) -> Iterator[str]:
    serve = f"/usr/bin/python3 -m http.server {OTHER} --bind {host['serve_address']}"
    there.check_output(f"systemd-run --quiet --unit={SQUATTER} {serve}")
    yield "python3"
    there.run(f"systemctl stop {SQUATTER}")  # a test that got far has done so


def held(there: Host) -> set[str]:
    rows = (line.split(maxsplit=5) for line in there.check_output("ss -Hltnp").splitlines())
    return {row[3] for row in rows if '"systemd"' in row[5]}


def test_a_converge_of_what_is_there_touches_neither(there: Host, document: Document, converge: Converge) -> None:
    assert converge(document["gateway"]["port"]).returncode == 0  # by hand, once: what pulumi wrote reads the same
    before = there.check_output(BOTH)
    assert converge(document["gateway"]["port"]).returncode == 0
    assert there.check_output(BOTH) == before


def test_who_has_the_address_is_named_and_when_it_is_free_the_sockets_move(
    there: Host, host: Document, document: Document, converge: Converge, squatter: str
) -> None:
    refused = converge(OTHER)
    assert refused.returncode != 0
    said = " ".join(refused.stdout.split())
    assert "GATEWAY_PORT_TAKEN" in said
    assert f'(("{squatter}"' in said.replace("\\", "")
    there.check_output(f"systemctl stop {SQUATTER}")
    moved = converge(OTHER)
    assert moved.returncode == 0, moved.stdout[-2000:]
    mesh = f"{host['mesh_address']}:{document['gateway']['mesh_port']}"
    assert held(there) == {f"{host['serve_address']}:{OTHER}", mesh}
