"""What the owner says of the gateway: names that clients use, what each client may, and what may leave, if anything.

Nothing leaves without a word of the owner's: without ``fleet:frontier`` there is no provider, and no key may use one
without ``frontier: true``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from freehold.fleet.sections import Section
from freehold.fleet.values import Authorities, Date, Https, Money, Name, Port

GATEWAY_PORT = 8080
MESH_GATEWAY_PORT = 8443
MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$"

ModelName = Annotated[str, Field(pattern=MODEL_NAME)]
Count = Annotated[int, Field(ge=0, le=10**15)]


class Gateway(Section):
    """The one door of the endpoint."""

    port: Port = Field(
        default=GATEWAY_PORT, description="the port on serve_address, 1 to 65535", examples=[GATEWAY_PORT]
    )
    mesh_port: Port = Field(
        default=MESH_GATEWAY_PORT,
        description="the port on mesh_address for other gateways, with mutual TLS, 1 to 65535",
        examples=[MESH_GATEWAY_PORT],
    )
    aliases: dict[ModelName, ModelName] = Field(
        default={},
        description="a name that clients ask for, to the model of this fleet that answers, and says so",
        examples=["{gpt-5: llama-3.3-70b}"],
    )
    replicas: Literal["fleet", "own"] = Field(
        default="fleet",
        description="fleet: a gateway also uses runtimes of other nodes, the least busy one; own: only its node's",
        examples=["own"],
    )
    image_hosts: tuple[str, ...] = Field(
        default=(),
        description="hosts that images may be fetched from by the runtime; data URLs need none",
        examples=["[images.internal]"],
    )
    authority: Name | None = Field(
        default=None,
        description="the host whose gateway keeps keys, caps and shares of the fleet; by default the first monitor",
        examples=["gpu1"],
    )


class Client(Section):
    """What one client of ``fleet:api_keys`` may; without an entry it may use every local model without a limit."""

    models: tuple[ModelName, ...] = Field(
        default=(), description="models and aliases that it may ask for; empty for all", examples=["[llama-3.3-70b]"]
    )
    requests_per_minute: Count = Field(default=0, description="0 for no limit", examples=[600])
    tokens_per_day: Count = Field(default=0, description="tokens read and written a UTC day; 0: no limit", examples=[0])
    concurrent: Count = Field(default=0, description="requests open at once; 0 for the gateway's own", examples=[16])
    frontier: bool = Field(default=False, description="true: its requests may leave, by exception", examples=["true"])
    frontier_tokens_per_day: Count = Field(default=0, description="0: only the fleet's caps", examples=[100000])
    frontier_usd_per_month: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="money it may spend a month, in USD; 0: only the fleet's caps", examples=[20]
    )
    status: bool = Field(default=False, description="true: it may see the gateway's status page", examples=["true"])
    expires: Date | None = Field(
        default=None, description="YYYY-MM-DD, the last day; left out: never", examples=["2027-12-31"]
    )


class Provider(Section):
    """A frontier provider. Its key is a secret of ``fleet:credentials``."""

    name: Name = Field(description="a short name", examples=["anthropic"])
    protocol: Literal["openai", "anthropic"] = Field(description="the protocol it speaks", examples=["anthropic"])
    url: Https = Field(description="its https address up to /v1", examples=["https://api.example.com/v1"])
    credential: Name = Field(description="the name of its key in fleet:credentials", examples=["anthropic"])
    prices: Name | None = Field(
        default=None,
        description="its name in the pinned price table; left out: prices of contracts only",
        examples=["anthropic"],
    )
    ca: Authorities | None = Field(
        default=None,
        description="PEM of the only authorities that are trusted for it; left out: those of the node's system",
        examples=["-----BEGIN CERTIFICATE-----…"],
    )
    tokens_each_image: Count = Field(
        default=0, description="the most tokens that an image costs there; 0: not known, and none leaves", examples=[0]
    )


class Route(Section):
    """A name that clients ask for and that may leave, when everything else allows it."""

    model: ModelName = Field(description="the name that clients ask for", examples=["frontier/best"])
    provider: Name = Field(description="a provider of the list", examples=["anthropic"])
    provider_model: ModelName = Field(description="the model's name there", examples=["claude-opus-4-5"])
    local: ModelName = Field(
        description="the local model that answers when it may not leave", examples=["llama-3.3-70b"]
    )
    when: Literal["asked", "always"] = Field(
        default="asked",
        description="asked: only with the header `x-freehold-frontier: allow`; always: asking for the name is enough",
        examples=["always"],
    )
    dark: Literal["answer_locally", "refuse"] = Field(
        default="answer_locally",
        description="when it may not leave or the provider is dark: answer_locally (and say so) or refuse at once",
        examples=["refuse"],
    )


class NeverLeaves(Section):
    """What keeps a request here whatever else allows it, besides the rules that are built in."""

    words: tuple[Annotated[str, Field(min_length=3, max_length=200)], ...] = Field(
        default=(), description="words and names, found in any case", examples=["[Project Heron]"]
    )
    patterns: tuple[Annotated[str, Field(min_length=1, max_length=500)], ...] = Field(
        default=(), description="regular expressions that cannot blow up", examples=["['CUST-[0-9]{6}']"]
    )
    images: bool = Field(default=False, description="true: images may leave", examples=["false"])
    phone_numbers: bool = Field(default=False, description="true: phone numbers stay here too", examples=["true"])


class ContractPrice(Section):
    """A price of the owner's own contract; it goes before the pinned table from its day on."""

    provider: Name = Field(description="a provider of the list", examples=["anthropic"])
    model: ModelName = Field(description="the model's name there", examples=["claude-opus-4-5"])
    effective_from: Date = Field(description="YYYY-MM-DD, its first day", examples=["2026-11-01"])
    input_per_million: Money = Field(description="USD for a million tokens read", examples=[5])
    cached_per_million: Money | None = Field(
        default=None, description="USD for a million cached ones; left out: as read", examples=[0.5]
    )
    output_per_million: Money = Field(description="USD for a million tokens written", examples=[25])
    note: str = Field(min_length=3, description="where the figure is from", examples=["contract of 2026-10-30"])


class Frontier(Section):
    """The exception: which providers, which names, and how much in all."""

    share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.05, description="the most tokens that may leave, of all in the window, 0 to 1", examples=[0.05]
    )
    window_days: Annotated[int, Field(ge=1, le=90)] = Field(
        default=7, description="days of the rolling window", examples=[7]
    )
    usd_per_day: Money = Field(description="the most money a UTC day, in USD", examples=[10])
    usd_per_month: Money = Field(description="the most money a month, in USD", examples=[100])
    providers: tuple[Provider, ...] = Field(min_length=1, description="at least one provider", examples=["[]"])
    routes: tuple[Route, ...] = Field(min_length=1, description="at least one name that may leave", examples=["[]"])
    never: NeverLeaves = Field(
        default=NeverLeaves(), description="the mapping {words, patterns, images}", examples=["{}"]
    )
    prices: tuple[ContractPrice, ...] = Field(default=(), description="prices of your own contracts", examples=["[]"])
