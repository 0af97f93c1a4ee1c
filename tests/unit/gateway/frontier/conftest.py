"""One hierarchy of certificates for all tests of the way out; a provider and a gateway for each."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.gateway.frontier.provider import Provider, serving
from tests.unit.gateway.frontier.site import Site, site
from tests.unit.keys import party

from freehold.keys import sealed


@pytest.fixture(scope="session", autouse=True)
def quick_ends() -> Iterator[None]:
    """The listener of metrics looks for its end twice a second, and a hundred gateways end here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socketserver.BaseServer.serve_forever, "__defaults__", (0.01,))
        yield


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``tls.crt`` and ``tls.key`` for 127.0.0.1, and the authority's ``ca.crt``."""
    folder = tmp_path_factory.mktemp("pki")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed, "COST", 16)
        keys = party.hierarchy(folder / "hierarchy", folder / "secret")
        return party.holder(keys, "provider", folder / "provider")


@pytest.fixture(scope="session")
def ca(certificates: Path) -> str:
    return (certificates / "ca.crt").read_text()


@pytest.fixture
def provider(certificates: Path) -> Iterator[Provider]:
    with serving(certificates / "tls.crt", certificates / "tls.key") as running:
        yield running


@pytest.fixture
def here(provider: Provider, ca: str, tmp_path: Path) -> Iterator[Site]:
    with site(provider, ca, tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def other_certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of an authority that nobody here trusts."""
    folder = tmp_path_factory.mktemp("other-pki")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed, "COST", 16)
        keys = party.hierarchy(folder / "hierarchy", folder / "secret")
        return party.holder(keys, "provider", folder / "provider")
