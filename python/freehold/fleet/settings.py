"""What the owner wants, as ``Pulumi.<stack>.yaml`` says it: typed, frozen, nothing unknown let in.

Every field has a description (it becomes "expected" in an error) and an example (it becomes the command that mends it).
Values are strict: ``"22"`` is not a port and ``yes`` is not a name. Cross-checks between fields are in
:mod:`freehold.fleet.checks`; this file knows one field at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from freehold.fleet import host_keys
from freehold.fleet.sections import Section, form, holder, inner
from freehold.fleet.settings_gateway import Client, Frontier, Gateway
from freehold.fleet.settings_monitoring import Monitoring
from freehold.fleet.values import (
    MINIMUM_SECRET,
    Address,
    Argument,
    Credential,
    HostKey,
    Money,
    Name,
    Network,
    Port,
    Secret,
    Target,
    Url,
)

NAMESPACE = "fleet"
SECRET_KEYS = ("api_keys", "credentials", "digest_key")
WIREGUARD_PORT = 51820


class Host(Section):
    """One server."""

    name: Name = Field(description="a short host name: lower-case letters, digits, hyphens", examples=["gpu1"])
    address: Address = Field(description="the IP address that SSH dials", examples=["192.0.2.11"])
    port: Port = Field(default=22, description="the SSH port, 1 to 65535", examples=[22])
    user: str = Field(
        default="root",
        pattern=r"^[a-z_][a-z0-9_-]{0,31}$",
        description="who logs in first, with root's rights",
        examples=["root"],
    )
    host_key: HostKey = Field(
        description=host_keys.EXPECTED + "; read it on the server's own console: /etc/ssh/ssh_host_ed25519_key.pub",
        examples=["ssh-ed25519 AAAA…"],
    )
    serve_address: Address = Field(description="the IP address that the gateway answers on", examples=["198.51.100.11"])
    gpus: Annotated[int, Field(ge=0, le=16)] = Field(default=8, description="how many GPUs, 0 to 16", examples=[8])
    gpu_model: str = Field(
        default="NVIDIA H200", min_length=1, description="the GPU's product name", examples=["NVIDIA H200"]
    )
    mesh_address: Address | None = Field(
        default=None,
        description="its address on the private plane; by default the mesh network with the host part of `address`",
        examples=["10.85.0.11"],
    )
    maintenance: bool = Field(
        default=False, description="true: nothing visits it, and it holds nobody up", examples=["true"]
    )


class Model(Section):
    """One model for every host; kind and context come from its weights, ports count from 18000 (embedding 18100)."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$", description="a model of the bundle", examples=["smollm2-135m-instruct"]
    )
    engine: Literal["llama_cpp", "vllm"] = Field(description="llama_cpp (CPU) or vllm (GPU)", examples=["vllm"])
    kind: Literal["chat", "embedding"] | None = Field(default=None, description="chat or embedding", examples=["chat"])
    port: Port | None = Field(default=None, description="a free loopback port, 1 to 65535", examples=[18000])
    context: Annotated[int, Field(ge=128)] | None = Field(
        default=None, description="context length in tokens, 128 or more", examples=[8192]
    )
    threads: Annotated[int, Field(ge=1, le=512)] = Field(
        default=1, description="CPU threads (llama_cpp), 1 to 512", examples=[4]
    )
    parallel: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=2, description="requests decoded at once, 1 to 4096", examples=[64]
    )
    gpus: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        default=(), description="indices of the GPUs it uses", examples=["[0,1]"]
    )
    tensor_parallel: Annotated[int, Field(ge=0)] = Field(
        default=0, description="0, or the number of its GPUs", examples=[8]
    )
    chat_template: str | None = Field(
        default=None,
        min_length=1,
        description="a chat template (Jinja text) in place of the checkpoint's own; left out: the checkpoint's",
        examples=["{{ messages }}"],
    )
    extra_arguments: dict[str, Argument] = Field(
        default={}, description="more arguments of the engine", examples=["{}"]
    )


class Bundle(Section):
    """Where the offline bundle lies here, and where nodes fetch it."""

    url: Url = Field(description="an http or https address without credentials", examples=["http://192.0.2.1:8480"])
    folder: str = Field(pattern=r"^[/~].*", description="the bundle's folder on this machine", examples=["/srv/bundle"])
    key_file: str = Field(
        pattern=r"^[/~].*",
        description="the public key that must have signed the bundle; never the one in the bundle itself",
        examples=["/srv/freehold/keys/bundle.asc"],
    )


class Access(Section):
    """How the control host reaches the nodes."""

    private_key_file: str = Field(
        pattern=r"^[/~].*", description="the operator's SSH key, without a passphrase", examples=["~/.ssh/id_ed25519"]
    )


class Keys(Section):
    """The owner's keys and certificates, as `freehold keys init` made them on this machine."""

    folder: str = Field(
        pattern=r"^[/~].*",
        description="the folder of the key hierarchy on this machine",
        examples=["/srv/freehold/pki"],
    )


class Mesh(Section):
    """The private plane: a WireGuard network between nodes, monitor and control host."""

    network: Network = Field(
        default="10.85.0.0/24",
        description="an IPv4 network that nothing else here uses; its first address is this machine's",
        examples=["10.85.0.0/24"],
    )
    port: Port = Field(
        default=WIREGUARD_PORT, description="WireGuard's UDP port on all nodes", examples=[WIREGUARD_PORT]
    )


class Rolling(Section):
    """In which order a change goes over the nodes, and when it stops."""

    canary: Name | None = Field(
        default=None, description="the host that converges first; by default the first of the list", examples=["gpu1"]
    )
    batch_size: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1, description="how many hosts converge at once after the canary, 1 to 1000", examples=[4]
    )
    failure_limit: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=0, description="how many hosts may fail before the rest is left untouched, 0 to 1000", examples=[0]
    )


class Prices(Section):
    """What the owner pays: the inputs of the cost curve. Nothing here has a default that is somebody's price."""

    currency: str = Field(pattern=r"^[A-Z]{3}$", description="an ISO 4217 code", examples=["USD"])
    electricity_per_kwh: Money = Field(description="tariff at the meter, more than 0", examples=[0.2])
    node_purchase: Money = Field(description="purchase price of one node, more than 0", examples=[300000])
    years: Annotated[float, Field(gt=0, le=20)] = Field(description="straight-line years of use", examples=[4])
    pue: Annotated[float, Field(ge=1, le=5)] = Field(description="power usage effectiveness, 1 to 5", examples=[1.3])
    node_idle_watts: Money = Field(description="what one idle node draws, in watts", examples=[3570])
    source: str = Field(min_length=3, description="where the figures are from", examples=["the invoice of 2026-11-02"])
    as_of: str = Field(
        pattern=r"^\d{4}-\d{2}-\d{2}$", description="the figures' date, YYYY-MM-DD", examples=["2026-11-02"]
    )


class Sovereignty(Section):
    """What the continuous checks try, and whom they count as the owner."""

    probe_targets: tuple[Target, ...] = Field(
        min_length=1,
        description="addresses of the internet, ADDRESS:PORT, to which no node may get; each check tries them for real",
        examples=["[192.0.2.53:443]"],
    )
    own_hosts: tuple[str, ...] = Field(
        (),
        description="more names and addresses that are the owner's: time servers, mirrors",
        examples=["[ntp.internal]"],
    )


class Settings(Section):
    """The whole configuration of a stack, namespace ``fleet:``."""

    site: Name = Field(description="a folder of inventory/", examples=["example"])
    simulated: tuple[Literal["gpu", "frontier"], ...] = Field(
        default=(), description="what is not real: `gpu`, `frontier` (its providers)", examples=["[]"]
    )
    bundle: Bundle = Field(description="the mapping {url, folder, key_file}", examples=["{}"])
    access: Access = Field(description="the mapping {private_key_file}", examples=["{}"])
    hosts: tuple[Host, ...] = Field(min_length=1, description="a list with at least one host", examples=["[]"])
    models: tuple[Model, ...] = Field(min_length=1, description="a list with at least one model", examples=["[]"])
    gateway: Gateway = Field(default=Gateway(), description="the mapping {port, aliases, …}", examples=["{}"])
    clients: dict[Name, Client] = Field(
        default={}, description="what each client of api_keys may; left out: every local model", examples=["{}"]
    )
    frontier: Frontier | None = Field(
        default=None, description="the exception to providers elsewhere; left out: nothing ever leaves", examples=["{}"]
    )
    keys: Keys = Field(description="the mapping {folder}", examples=["{}"])
    mesh: Mesh = Field(default=Mesh(), description="the mapping {network, port}", examples=["{}"])
    monitor: tuple[Name, ...] = Field(
        default=(), description="hosts that watch the others; by default the first", examples=["[gpu1]"]
    )
    monitoring: Monitoring = Field(
        default=Monitoring(), description="what the monitor keeps and whom it tells", examples=["{}"]
    )
    rolling: Rolling = Field(
        default=Rolling(), description="the mapping {canary, batch_size, failure_limit}", examples=["{}"]
    )
    prices: Prices = Field(description="the owner's prices", examples=["{}"])
    sovereignty: Sovereignty = Field(description="the mapping {probe_targets, own_hosts}", examples=["{}"])
    api_keys: dict[str, Secret] = Field(
        min_length=1,
        description=f"client name to key, each a secret of {MINIMUM_SECRET} characters or more",
        examples=[""],
    )
    credentials: dict[Name, Credential] = Field(
        default={},
        description="name to secret, 8 characters or more: what services on the nodes show to others",
        examples=[""],
    )
    digest_key: Secret = Field(
        description=f"a secret of {MINIMUM_SECRET} characters or more; it keys the digests of secrets", examples=[""]
    )


def sections() -> dict[str, type[Section]]:
    """Every section by where it stands: ``hosts[]``, ``clients.*``, ``frontier.providers[]``."""
    return dict(_below(Settings, ""))


def _below(section: type[Section], before: str) -> Iterator[tuple[str, type[Section]]]:
    for name in section.model_fields:
        found = inner(section, name)
        if found is not None:
            place = f"{before}{name}{form(section, name)}"
            yield place, found
            yield from _below(found, f"{place}.")


def section_of(path: tuple[str | int, ...]) -> type[Section]:
    """The mapping that holds the last key of ``path``."""
    return holder(Settings, path)[0]


def field_hint(path: tuple[str | int, ...]) -> tuple[str, Any]:
    """Description and example of the field at ``path``; of what holds it where the path goes deeper."""
    section, name = holder(Settings, path)
    found = section.model_fields.get(name) or Settings.model_fields.get(str(path[0]))
    if found is None:
        return "", ""
    return found.description or "", (found.examples or [""])[0]
