"""Values of the stack configuration that have a form of their own: addresses, ports, keys, secrets."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import ssl
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from freehold.fleet import host_keys

MINIMUM_SECRET = 32  # characters; 43 are 256 bits in base64, and a client key is stored only as its SHA-256
HIGHEST_PORT = 65535
SMALLEST_MESH = 4  # network, control host, one node, broadcast


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


def _https(text: str) -> str:
    if not text.startswith("https://"):
        raise PydanticCustomError("config_bad_url", "not an https address")
    return _url(text)


def _authorities(text: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise PydanticCustomError("config_bad_value", "not certificates in PEM") from error
    return text


def _mail_server(text: str) -> str:
    host, _, port = text.rpartition(":")
    plain = host_keys.is_address(host.strip("[]")) or re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", host)
    if not plain or not port.isdecimal() or not 0 < int(port) <= HIGHEST_PORT:
        raise PydanticCustomError("config_bad_address", "not HOST:PORT")
    return text


def _server_name(text: str) -> str:
    if not (host_keys.is_address(text) or re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", text)):
        raise PydanticCustomError("config_bad_value", "not a name as certificates have it, without port")
    return text


def _mail_address(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", text):
        raise PydanticCustomError("config_bad_value", "not a plain mail address")
    return text


def _date(text: str) -> str:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise PydanticCustomError("config_bad_date", "{fault}", {"fault": str(error)}) from error


def _network(text: str) -> str:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise PydanticCustomError("config_bad_network", "{fault}", {"fault": str(error)}) from error
    if network.num_addresses < SMALLEST_MESH:
        raise PydanticCustomError("config_bad_network", "too small for a node and the control host")
    return str(network)


def _target(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host_keys.is_address(host.strip("[]")) or not port.isdecimal():
        raise PydanticCustomError("config_bad_address", "not ADDRESS:PORT")
    return text


Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]
Address = Annotated[str, AfterValidator(_address)]
HostKey = Annotated[str, AfterValidator(_host_key)]
Port = Annotated[int, Field(ge=1, le=65535)]
Url = Annotated[str, AfterValidator(_url)]
Money = Annotated[float, Field(gt=0)]
Argument = str | int | float | bool | list[str]
Secret = Annotated[SecretStr, Field(min_length=MINIMUM_SECRET)]
Date = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_date)]
Https = Annotated[str, AfterValidator(_https)]
# Somebody else made it: what is shorter could not be kept out of logs, for it stands in other words too.
Credential = Annotated[SecretStr, Field(min_length=8, max_length=16 * 1024)]
Authorities = Annotated[str, AfterValidator(_authorities)]
MailServer = Annotated[str, AfterValidator(_mail_server)]
ServerName = Annotated[str, AfterValidator(_server_name)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
Target = Annotated[str, AfterValidator(_target)]
Network = Annotated[str, AfterValidator(_network)]
