"""The shape of the fleet document; ``document.schema.json`` is made from it, and a test keeps the two the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = 4
SCHEMA_FILE = Path(__file__).with_name("document.schema.json")
HEX = r"^[0-9a-f]{64}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Site(_Part):
    name: str


class _Bundle(_Part):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    url: str
    manifest_sha256: str = Field(pattern=HEX)
    serial: int
    key_fingerprint: str
    public_key: str
    requirements: dict[str, str]
    models: dict[str, dict[str, Any]]


class _Host(_Part):
    name: str
    address: str
    port: int
    user: str
    host_key: str
    serve_address: str
    gpus: int
    gpu_model: str
    mesh_address: str
    maintenance: bool


class _Model(_Part):
    name: str
    kind: Literal["chat", "embedding"]
    engine: Literal["llama_cpp", "vllm"]
    port: int
    context: int
    threads: int
    parallel: int
    gpus: list[int]
    tensor_parallel: int
    chat_template: str | None
    extra_arguments: dict[str, Any]


class _Key(_Part):
    name: str
    sha256: str = Field(pattern=HEX)
    models: list[str]
    requests_per_minute: int
    tokens_per_day: int
    concurrent: int
    frontier: bool
    frontier_tokens_per_day: int
    frontier_nano_usd_per_month: int
    status: bool
    expires: str | None


class _Gateway(_Part):
    port: int
    mesh_port: int
    aliases: dict[str, str]
    replicas: Literal["fleet", "own"]
    image_hosts: list[str]
    authority: str
    keys: list[_Key]


class _Frontier(_Part):
    """As :mod:`freehold.fleet.document_frontier` makes it."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    share_ppm: int
    window_days: int
    nano_usd_per_day: int
    nano_usd_per_month: int
    providers: list[dict[str, Any]]
    routes: list[dict[str, Any]]
    policy: dict[str, Any]
    prices: list[dict[str, Any]]


class _Keys(_Part):
    folder: str


class _ControlHost(_Part):
    address: str
    public_key: str


class _Peer(_Part):
    name: str
    endpoint: str
    mesh_address: str
    public_key: str


class _Mesh(_Part):
    network: str
    port: int
    control: _ControlHost
    monitors: list[str]  # mesh addresses
    peers: list[_Peer] | None  # None: not known (yet); what a node has stays as it is


class _Tls(_Part):
    trust_anchors: str
    issuing_sha256: str = Field(pattern=HEX)


class _Prices(_Part):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    currency: str
    electricity_per_kwh: float
    node_purchase: float
    years: float
    pue: float


class _Mail(_Part):
    server: str
    tls: Literal["starttls", "tls", "none"]
    server_name: str | None
    ca: str | None
    sender: str
    to: list[str]
    user: str | None
    credential: str | None


class _Webhook(_Part):
    url: str
    credential: str | None


class _Watcher(_Part):
    name: str
    mesh_address: str


class _Monitoring(_Part):
    retention_days: int
    retention_gb: int
    long_term: bool
    long_term_months: int
    grafana: bool
    runbooks_url: str | None
    mail: _Mail | None
    webhooks: list[_Webhook]
    watcher: _Watcher


class _WatchedModel(_Part):
    name: str
    engine: str
    kind: str


class _Watched(_Part):
    name: str
    mesh_address: str
    serve_address: str
    gpus: int
    maintenance: bool
    watcher: bool  # its dead man's switch is on
    models: list[_WatchedModel]


class _Sovereignty(_Part):
    probe_targets: list[str]
    own_hosts: list[str]


class FleetDocument(_Part):
    """Schema 4. A reader refuses any other."""

    schema_: Literal[4] = Field(alias="schema")
    stack: str
    simulated: list[str]
    site: _Site
    bundle: _Bundle
    hosts: list[_Host] = Field(min_length=1)
    models: list[_Model] = Field(min_length=1)
    gateway: _Gateway
    frontier: _Frontier | None
    keys: _Keys
    mesh: _Mesh
    monitor: list[str]
    monitoring: _Monitoring
    watched: list[_Watched] | None  # None: not known (yet); a monitor goes on with what it has
    tls: _Tls
    prices: _Prices
    sovereignty: _Sovereignty


class _Reached(_Part):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    name: str
    address: str
    port: int
    user: str
    host_key: str


class Outline(_Part):
    """The least that a document says, of any schema so far: which stack and site, and how to get to the hosts."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    schema_: int = Field(alias="schema", ge=1, le=SCHEMA)
    stack: str
    site: _Site
    hosts: list[_Reached] = Field(min_length=1)


def schema() -> dict[str, Any]:
    """The JSON schema of the document, as ``document.schema.json`` holds it."""
    made = FleetDocument.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
