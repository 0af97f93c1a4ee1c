"""The part of the settings that says what may leave, if anything: providers, names, caps, and what never does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from freehold.ledger.caps import Caps
from freehold.service.credentials import INTERNAL_KEY
from freehold.service.settings import Table
from freehold.service.tls import KEY_CREDENTIAL

MILLION = 10**6
MOST_NANO_USD = 10**15
LONGEST_WINDOW = 90
DAY_HOURS = 24
PROTOCOLS = ("openai", "anthropic")
OUR_OWN = frozenset({INTERNAL_KEY, KEY_CREDENTIAL})
DARK = ("answer_locally", "refuse")


@dataclass(frozen=True)
class Provider:
    """A frontier provider. ``credential`` names its key, a systemd credential; ``prices`` its place in the table.

    ``ca`` is PEM of the authorities that are trusted for it, empty for the system's; ``tokens_each_image`` the most
    that an image costs there, 0 where nobody said, and then none leaves.
    """

    name: str
    protocol: str
    url: str
    credential: str
    prices: str
    ca: str = ""
    tokens_each_image: int = 0


@dataclass(frozen=True)
class Route:
    """A name that may leave: ``provider_model`` is the model's name there, ``local`` who answers when it may not.

    ``always``: to ask for the name is enough; else the header has to ask for it as well.
    """

    model: str
    provider: str
    provider_model: str
    local: str
    always: bool
    dark: str


@dataclass(frozen=True)
class FrontierConfig:
    """The exception. ``policy`` and ``prices`` are read by :mod:`.policy.owner` and :mod:`freehold.prices.overlay`."""

    share_ppm: int
    window_days: int
    nano_usd_per_day: int
    nano_usd_per_month: int
    providers: tuple[Provider, ...]
    routes: tuple[Route, ...]
    policy: Any
    prices: Any

    @property
    def caps(self) -> Caps:
        """The fleet's limits, as the ledger holds them."""
        return Caps(self.share_ppm, self.window_days * DAY_HOURS, self.nano_usd_per_day, self.nano_usd_per_month)


def read(table: Table) -> FrontierConfig:
    """Read the section; what is wrong is noted in the table."""
    config = FrontierConfig(
        share_ppm=table.integer("share_ppm", 0, MILLION),
        window_days=table.integer("window_days", 1, LONGEST_WINDOW),
        nano_usd_per_day=table.integer("nano_usd_per_day", 0, MOST_NANO_USD),
        nano_usd_per_month=table.integer("nano_usd_per_month", 0, MOST_NANO_USD),
        providers=table.tables("providers", _provider, least=1),
        routes=table.tables("routes", _route, least=1),
        policy=table.any("policy", {}),
        prices=table.any("prices", []),
    )
    table.close()
    for field, names in (
        ("providers: name", [one.name for one in config.providers]),
        ("routes: model", [one.model for one in config.routes]),
    ):
        for twice in sorted({name for name in names if name and names.count(name) > 1}):
            table.refuse(field, f"{twice} more than once", "each only once", code="CONFIG_DUPLICATE")
    known = {provider.name for provider in config.providers}
    for route in config.routes:
        if route.provider and route.provider not in known:
            table.refuse("routes: provider", route.provider, f"one of {', '.join(sorted(known))}")
    return config


def _provider(table: Table) -> Provider:
    provider = Provider(
        name=table.text("name"),
        protocol=table.text("protocol", among=PROTOCOLS),
        url=table.text("url").rstrip("/"),
        credential=table.text("credential"),
        prices=table.text("prices", None),
        ca=table.text("ca", None),
        tokens_each_image=table.integer("tokens_each_image", 0, MILLION, 0),
    )
    if provider.credential in OUR_OWN:
        why = "it is this gateway's own, and a provider is shown its key with each request"
        table.refuse("credential", provider.credential, "the name of the provider's own key", why=why)
    if provider.url and not _is_plain(provider.url):
        why = "a key and a prompt go there, over a network that is not the owner's"
        table.refuse("url", provider.url[:80], "https://<host>/v1, without credentials", why=why)
    return provider


def _is_plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        extra = parts.query or parts.fragment or "@" in parts.netloc
        return parts.scheme == "https" and bool(parts.hostname) and parts.port != 0 and not extra
    except ValueError:
        return False


def _route(table: Table) -> Route:
    return Route(
        model=table.text("model"),
        provider=table.text("provider"),
        provider_model=table.text("provider_model"),
        local=table.text("local"),
        always=table.text("when", "asked", among=("asked", "always")) == "always",
        dark=table.text("dark", "answer_locally", among=DARK),
    )
