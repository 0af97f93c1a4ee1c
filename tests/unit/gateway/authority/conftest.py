"""A hierarchy of certificates, and gateways that end with the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.unit.gateway.authority.federation import (
    AUTHORITY,
    LEAVES,
    MADE,
    Federation,
    Holder,
    command,
    digest,
    frontier,
)
from tests.unit.gateway.authority.lending import DAY_USD, Books
from tests.unit.gateway.harness import Harness

from freehold.keys import sealed


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Federation:
    monkeypatch.setattr(sealed, "COST", 16)
    return Federation(tmp_path)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def authority(site: Federation, stack: ExitStack) -> Harness:
    return stack.enter_context(site.authority(frontier=frontier(DAY_USD)))


@pytest.fixture
def key(site: Federation, authority: Harness) -> str:
    del authority  # its ledger is there then
    with command(site.ledger(AUTHORITY)) as keys:
        return keys.create("agent", digest(MADE), LEAVES).id


@pytest.fixture
async def holder(site: Federation, authority: Harness) -> AsyncIterator[Holder]:
    with site.holder("gpu2", authority) as made:
        yield made


@pytest.fixture
def down(authority: Harness) -> Callable[[], None]:
    """Ends the authority's gateway."""

    def end() -> None:
        authority.end()
        authority.thread.join(10)

    return end


@pytest.fixture
def anew(site: Federation, stack: ExitStack, authority: Harness) -> Callable[..., None]:
    """Begins it again where it was, with an older ledger if it is given one."""

    def begin(copy: Path | None = None) -> None:
        assert authority.addresses.mesh is not None
        if copy is not None:
            for side in ("-wal", "-shm"):
                Path(f"{site.ledger(AUTHORITY)}{side}").unlink(missing_ok=True)
            copy.replace(site.ledger(AUTHORITY))
        stack.enter_context(site.authority(mesh_port=authority.addresses.mesh[1], frontier=frontier(DAY_USD)))

    return begin


@pytest.fixture
def ledger(site: Federation) -> Books:
    return Books(site.ledger(AUTHORITY))
