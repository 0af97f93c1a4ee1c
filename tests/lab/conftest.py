"""The lab under test: real nodes over SSH, the client in its own network namespace. `make test` raises it first."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host
from tests.lab.world import Document, Outside, ReadFacts

from freehold.fleet import pulumi_environment
from freehold.lab import outside as lab_outside
from freehold.lab.plan import lab_plan
from freehold.paths import PROJECT, lab_paths
from freehold.process import run
from freehold.ssh import OPERATIONS_USER
from freehold.status import gather


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="session")
def document() -> Document:
    return gather.load_document(lab_paths().export / "fleet.json")


@pytest.fixture(scope="session")
def access() -> gather.Access:
    paths = lab_paths()
    key = (paths.secrets / "operator-key").read_text(encoding="utf-8").strip()
    return gather.Access(paths.ssh / "id_ed25519", paths.export / "known_hosts", key)


@pytest.fixture(scope="session")
def first_host(document: Document) -> Document:
    host: Document = document["hosts"][0]
    return host


@pytest.fixture(scope="session")
def node(first_host: Document, access: gather.Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The first node, over SSH as the operations user with sudo; its host key is the pinned one."""
    config = tmp_path_factory.mktemp("ssh") / "config"
    words = gather.ssh_command(first_host, access)
    settings = [word for word in words if "=" in word]
    config.write_text(
        f"Host {first_host['name']}\n  HostName {first_host['address']}\n  Port {first_host['port']}\n"
        f"  User {OPERATIONS_USER}\n"
        f"  ControlMaster auto\n  ControlPath {config.parent}/%C\n  ControlPersist 30\n"
        + "".join(f"  {setting.replace('=', ' ', 1)}\n" for setting in settings)
    )
    yield testinfra.get_host(f"ssh://{first_host['name']}", ssh_config=str(config), sudo=True)
    subprocess.run(["ssh", "-F", config, "-O", "exit", first_host["name"]], capture_output=True, check=False)


@pytest.fixture(scope="session")
def outside() -> Outside:
    """Run a program where the clients are: in the lab's outside namespace."""

    def execute(*words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        command = lab_outside.command(lab_plan(), words)
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)

    return execute


@pytest.fixture(scope="session")
def endpoint(document: Document, first_host: Document) -> str:
    return f"http://{first_host['serve_address']}:{document['gateway']['port']}/v1"


@pytest.fixture(scope="session")
def pulumi() -> Callable[..., str]:
    """Run the real Pulumi on the lab's stack, as `eval "$(freehold fleet env)"` sets it up for a user."""
    environment = pulumi_environment.variables(pulumi_environment.lab_folders(), lambda _: None)

    def execute(*words: str) -> str:
        done = run(["pulumi", *words], cwd=PROJECT / "stacks" / "fleet", env=environment, timeout=600)
        return done.stdout

    return execute


@pytest.fixture
def facts(document: Document, access: gather.Access, first_host: Document) -> ReadFacts:
    """Read the node anew, as `freehold status` does."""
    return lambda: gather.read_node(first_host, access, gather.questions(document), run)
