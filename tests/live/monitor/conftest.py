"""What the monitor's programs need here: certificates, a page to read, a mail server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.dead_mans_switch.conftest import Mailbox, serving
from tests.unit.keys import party
from tests.unit.keys.party import running as serving_pages

from freehold.exporter.server import Server
from freehold.keys import sealed
from freehold.keys.files import KeysFolder

PAGE = b"node_load1 0.5\n"


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "COST", 16)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    yield from serving(Mailbox())


@pytest.fixture
def page() -> Iterator[int]:
    yield from serving_pages(Server((party.HOST, 0), {"/metrics": lambda: PAGE}))


@pytest.fixture
def keys(tmp_path: Path) -> KeysFolder:
    return party.hierarchy(tmp_path / "pki", tmp_path / "secret")


@pytest.fixture
def mon1(tmp_path: Path, keys: KeysFolder) -> Path:
    """The monitor's folder of certificates, its files named as role tls names them."""
    own = party.holder(keys, "mon1", tmp_path / "mon1", kind="monitor")
    (own / "node.crt").symlink_to("tls.crt")
    return own
