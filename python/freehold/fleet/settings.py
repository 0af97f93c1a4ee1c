"""What the owner wants, as ``Pulumi.<stack>.yaml`` says it: typed, frozen, nothing unknown let in.

Every field has a description (it becomes "expected" in an error) and an example (it becomes the command that mends it).
Values are strict: ``"22"`` is not a port and ``yes`` is not a name. Cross-checks between fields are in
:mod:`freehold.fleet.checks`; this file knows one field at a time.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from freehold.fleet import host_keys

NAMESPACE = "fleet"
SECRET_KEYS = ("api_keys", "digest_key")
MINIMUM_SECRET = 32  # characters; 43 are 256 bits in base64, and a client key is stored only as its SHA-256
GATEWAY_PORT = 8080


class Section(BaseModel):
    """One mapping of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _address(text: str) -> str:
    if not host_keys.is_address(text):
        raise PydanticCustomError("config_bad_address", "not an IP address")
    address = ipaddress.ip_address(text)
    if address.is_unspecified or address.is_multicast:
        raise PydanticCustomError("config_bad_address", "an address that no single host can have")
    return str(address)


def _host_key(text: str) -> str:
    fault = host_keys.fault(text)
    if fault:
        raise PydanticCustomError("config_bad_host_key", "{fault}", {"fault": fault})
    return host_keys.bare(text)


def _url(text: str) -> str:
    scheme, _, rest = text.partition("://")
    if scheme not in {"http", "https"} or not rest or "@" in rest or any(c.isspace() for c in rest):
        raise PydanticCustomError("config_bad_url", "not a plain http or https address")
    return text.rstrip("/")


Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]
Address = Annotated[str, AfterValidator(_address)]
HostKey = Annotated[str, AfterValidator(_host_key)]
Port = Annotated[int, Field(ge=1, le=65535)]
Url = Annotated[str, AfterValidator(_url)]
Money = Annotated[float, Field(gt=0)]
Argument = str | int | float | bool | list[str]
Secret = Annotated[SecretStr, Field(min_length=MINIMUM_SECRET)]


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


class Gateway(Section):
    """The one door of the endpoint."""

    port: Port = Field(
        default=GATEWAY_PORT, description="the port on serve_address, 1 to 65535", examples=[GATEWAY_PORT]
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


def _target(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host_keys.is_address(host.strip("[]")) or not port.isdecimal():
        raise PydanticCustomError("config_bad_address", "not ADDRESS:PORT")
    return text


class Sovereignty(Section):
    """What the continuous checks try, and whom they count as the owner."""

    probe_targets: tuple[Annotated[str, AfterValidator(_target)], ...] = Field(
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
    simulated: tuple[Literal["gpu"], ...] = Field(
        default=(), description="what is not real hardware: `gpu`", examples=["[]"]
    )
    bundle: Bundle = Field(description="the mapping {url, folder, key_file}", examples=["{}"])
    access: Access = Field(description="the mapping {private_key_file}", examples=["{}"])
    hosts: tuple[Host, ...] = Field(min_length=1, description="a list with at least one host", examples=["[]"])
    models: tuple[Model, ...] = Field(min_length=1, description="a list with at least one model", examples=["[]"])
    gateway: Gateway = Field(default=Gateway(), description="the mapping {port}", examples=["{}"])
    prices: Prices = Field(description="the owner's prices", examples=["{}"])
    sovereignty: Sovereignty = Field(description="the mapping {probe_targets, own_hosts}", examples=["{}"])
    api_keys: dict[str, Secret] = Field(
        min_length=1,
        description=f"client name to key, each a secret of {MINIMUM_SECRET} characters or more",
        examples=[""],
    )
    digest_key: Secret = Field(
        description=f"a secret of {MINIMUM_SECRET} characters or more; it keys the digests of secrets", examples=[""]
    )


SECTIONS: dict[str, type[Section]] = {
    "hosts": Host,
    "models": Model,
    "bundle": Bundle,
    "access": Access,
    "gateway": Gateway,
    "prices": Prices,
    "sovereignty": Sovereignty,
}


def section_of(path: tuple[str | int, ...]) -> type[Section]:
    """The mapping that holds the last key of ``path``."""
    return Settings if len(path) == 1 else SECTIONS.get(str(path[0]), Settings)


def field_hint(path: tuple[str | int, ...]) -> tuple[str, Any]:
    """Description and example of the field at ``path``; of the section where the path goes deeper."""
    fields = section_of(path).model_fields
    names = [part for part in path if isinstance(part, str)]
    found = (
        fields.get(names[-1]) or fields.get(names[1] if len(names) > 1 else "") or Settings.model_fields.get(names[0])
    )
    if found is None:
        return "", ""
    return found.description or "", (found.examples or [""])[0]
