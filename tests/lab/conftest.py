"""The lab under test: real nodes over SSH, the client in its own network namespace. `make test` raises it first."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host
from tests.lab.interrupting import Interrupting
from tests.lab.monitor import Monitor
from tests.lab.world import Document, NodeOf, Outside, ReadFacts

from freehold.fleet import pulumi_environment
from freehold.lab import outside as lab_outside
from freehold.lab import postbox
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
def node_of(access: gather.Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeOf]:
    """A node by its name, over SSH as the operations user with sudo; its host key is the pinned one."""
    folder, opened = tmp_path_factory.mktemp("ssh"), set()

    def connect(name: str) -> Host:
        hosts = gather.load_document(lab_paths().export / "fleet.json")["hosts"]
        (host,) = (one for one in hosts if one["name"] == name)
        (folder / name).write_text(_ssh_config(host, access, folder), encoding="utf-8")
        opened.add(name)
        return testinfra.get_host(f"ssh://{name}", ssh_config=str(folder / name), sudo=True)

    yield connect
    for name in opened:
        subprocess.run(["ssh", "-F", folder / name, "-O", "exit", name], capture_output=True, check=False)


def _ssh_config(host: Document, access: gather.Access, folder: Path) -> str:
    settings = [word for word in gather.ssh_command(host, access) if "=" in word]
    lines = [
        f"Host {host['name']}", f"HostName {host['address']}", f"Port {host['port']}", f"User {OPERATIONS_USER}",
        "ControlMaster auto", f"ControlPath {folder}/%C", "ControlPersist 30",
        *(setting.replace("=", " ", 1) for setting in settings),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def node(first_host: Document, node_of: NodeOf) -> Host:
    """The first node."""
    return node_of(first_host["name"])


@pytest.fixture(scope="session")
def monitor(document: Document, access: gather.Access) -> Monitor:
    """The lab's monitor."""
    (host,) = (one for one in document["hosts"] if one["name"] == document["monitor"][0])
    return Monitor(host, access)


@pytest.fixture(scope="session")
def box() -> Path:
    """Where the operator's mails and hooks become files."""
    return postbox.folder(lab_paths())


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
def pulumi_variables() -> dict[str, str]:
    """The environment that `eval "$(freehold fleet env)"` sets up for a user."""
    return pulumi_environment.variables(pulumi_environment.lab_folders(), lambda _: None)


@pytest.fixture(scope="session")
def pulumi(pulumi_variables: dict[str, str]) -> Callable[..., str]:
    """Run the real Pulumi on the lab's stack."""

    def execute(*words: str) -> str:
        done = run(["pulumi", *words], cwd=PROJECT / "stacks" / "fleet", env=pulumi_variables, timeout=600)
        return done.stdout

    return execute


@pytest.fixture
def facts(document: Document, access: gather.Access, first_host: Document) -> ReadFacts:
    """Read the node anew, as `freehold status` does."""
    return lambda: gather.read_node(first_host, access, gather.questions(document), run)


@pytest.fixture(scope="module")
def interrupting(
    node: Host,
    document: Document,
    access: gather.Access,
    tmp_path_factory: pytest.TempPathFactory,
    pulumi: Callable[..., str],
) -> Iterator[Interrupting]:
    """The first node, to be interrupted; whatever the tests left, the lab gets its own configuration back."""
    made = Interrupting(node, document, access, tmp_path_factory.mktemp("interrupting"))
    yield made
    made.unlock()
    pulumi("up", "--yes", "--skip-preview", "--non-interactive", "--color", "never")
