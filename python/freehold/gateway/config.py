"""The gateway's settings: ``/etc/freehold/gateway.json``, read once into frozen records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import FreeholdError, raise_all
from freehold.gateway import config_frontier
from freehold.gateway.config_frontier import FrontierConfig
from freehold.service.addresses import is_address, is_loopback, is_loopback_url
from freehold.service.settings import Table, read_json
from freehold.service.tls import TlsFiles, key_file

MAXIMUM_PORT = 65_535
MOST = 10**15
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
HOUR = 3600
SHA256 = re.compile(r"[0-9a-f]{64}")
MIB = 1024 * 1024

CONCURRENT = {"llama_cpp": 32, "vllm": 256}
"""Open requests to one model. llama.cpp holds a thread for each (freehold.runtime gives it twice as many); vLLM
schedules 256 sequences at once by default and would queue the rest unseen."""


@dataclass(frozen=True)
class Listen:
    """An address; ``host`` is a literal."""

    host: str
    port: int


@dataclass(frozen=True)
class Key:
    """A caller that the stack declares. Only the SHA-256 of its key is known here: 256 random bits need no slow hash.

    Limits of 0, and no models, mean none of its own. ``expires`` is a date (UTC), its last day; empty for never.
    """

    name: str
    sha256: str
    models: tuple[str, ...] = ()
    requests_per_minute: int = 0
    tokens_per_day: int = 0
    concurrent: int = 0
    frontier: bool = False
    frontier_tokens_per_day: int = 0
    frontier_nano_usd_per_month: int = 0
    status: bool = False
    expires: str = ""


@dataclass(frozen=True)
class Model:
    """A model that a runtime on this node serves at ``url``; ``context`` is tokens, 0 where it is not told."""

    name: str
    kind: str
    url: str
    engine: str
    context: int
    concurrent: int


@dataclass(frozen=True)
class Limits:
    """What a caller may cost before it is refused; seconds and bytes."""

    body_bytes: int = 4 * MIB  # a context of 128k tokens is about 0.5 MiB of text; images come as data URLs later
    header_bytes: int = 16 * 1024
    header_seconds: float = 10
    body_seconds: float = 30
    write_seconds: float = 30  # for a client that stopped reading its stream
    keep_alive_seconds: int = 30
    connections: int = 1024
    concurrent: int = 256
    concurrent_per_key: int = 64
    connect_seconds: int = 5
    silence_seconds: int = 600  # the longest that a runtime may think without sending a byte
    drain_seconds: int = 30


@dataclass(frozen=True)
class Mesh:
    """The listener on the private plane: the same API by mutual TLS. ``key`` is none where systemd hands it over."""

    listen: Listen
    certificate: Path
    anchors: Path
    revoked: Path
    key: Path | None = None

    def files(self, environ: Mapping[str, str]) -> TlsFiles:
        """What this end shows and trusts. Raises :class:`RefusedError` where no key was handed over."""
        return TlsFiles(self.certificate, self.key or key_file(environ), self.anchors, self.revoked)


@dataclass(frozen=True)
class Report:
    """Where the status page is from: the report service of this node at ``url``, or the monitors' gateways."""

    url: str = ""
    peers: tuple[str, ...] = ()


@dataclass(frozen=True)
class GatewayConfig:
    """Everything that the gateway is told. ``simulated`` names the parts that are not real here."""

    listen: Listen
    metrics: Listen
    keys: tuple[Key, ...]
    models: tuple[Model, ...]
    limits: Limits = Limits()
    simulated: tuple[str, ...] = ()
    internal_key_file: Path | None = None
    mesh: Mesh | None = None
    node: str = ""
    aliases: tuple[tuple[str, str], ...] = ()
    image_hosts: tuple[str, ...] = ()
    authority: str = ""
    peers_file: Path | None = None
    ledger: Path | None = None
    frontier: FrontierConfig | None = None
    report: Report | None = None

    @property
    def is_authority(self) -> bool:
        """Whether this node's gateway keeps the fleet's keys, caps and shares; one alone always does."""
        return self.authority in {"", self.node}


def read(path: Path) -> GatewayConfig:
    """Read and check the settings; raises all errors of the file together."""
    errors: list[FreeholdError] = []
    table = Table(str(path), read_json(path), errors)
    key_file, mesh = table.text("internal_key_file", None), table.maybe("mesh")
    peers, ledger, frontier = table.text("peers_file", None), table.text("ledger", None), table.maybe("frontier")
    report = table.maybe("report")
    config = GatewayConfig(
        listen=_listen(table.table("listen")),
        metrics=_listen(table.table("metrics")),
        keys=table.tables("keys", _key, least=1),
        models=table.tables("models", _model),
        limits=_limits(table.table("limits", {})),
        simulated=table.texts("simulated", []),
        internal_key_file=Path(key_file) if key_file else None,
        mesh=_mesh(mesh) if mesh else None,
        node=table.text("node", None),
        aliases=table.names("aliases"),
        image_hosts=table.texts("image_hosts", []),
        authority=table.text("authority", None),
        peers_file=Path(peers) if peers else None,
        ledger=Path(ledger) if ledger else None,
        frontier=config_frontier.read(frontier) if frontier else None,
        report=_report(report) if report else None,
    )
    table.close()
    _check(table, config)
    raise_all(errors)
    return config


def _listen(table: Table) -> Listen:
    listen = Listen(table.text("host"), table.integer("port", 1, MAXIMUM_PORT))
    table.close()
    if listen.host and not is_address(listen.host):
        table.refuse("host", listen.host, "a literal IP address", why="a name may resolve to another interface")
    return listen


def _mesh(table: Table) -> Mesh:
    key = table.text("key", None)
    mesh = Mesh(
        listen=_listen(table.table("listen")),
        certificate=Path(table.text("certificate")),
        anchors=Path(table.text("anchors")),
        revoked=Path(table.text("revoked")),
        key=Path(key) if key else None,
    )
    table.close()
    return mesh


def _report(table: Table) -> Report:
    report = Report(table.text("url", None).rstrip("/"), table.texts("peers", []))
    table.close()
    if bool(report.url) == bool(report.peers):
        table.refuse("", "both or neither of url and peers", "url on a monitor's node, peers (its monitors) elsewhere")
    _check_url(table, report.url)
    return report


def _key(table: Table) -> Key:
    key = Key(
        name=table.text("name"),
        sha256=table.text("sha256"),
        models=table.texts("models", []),
        requests_per_minute=table.integer("requests_per_minute", 0, MOST, 0),
        tokens_per_day=table.integer("tokens_per_day", 0, MOST, 0),
        concurrent=table.integer("concurrent", 0, MOST, 0),
        frontier=table.boolean("frontier", default=False),
        frontier_tokens_per_day=table.integer("frontier_tokens_per_day", 0, MOST, 0),
        frontier_nano_usd_per_month=table.integer("frontier_nano_usd_per_month", 0, MOST, 0),
        status=table.boolean("status", default=False),
        expires=table.text("expires", None),
    )
    if key.sha256 and not SHA256.fullmatch(key.sha256):
        table.refuse("sha256", f"{len(key.sha256)} characters", "64 lower-case hexadecimal digits")
    _check_name(table, key.name)
    return key


def _model(table: Table) -> Model:
    name, kind = table.text("name"), table.text("kind", among=("chat", "embedding"))
    engine = table.text("engine", among=tuple(CONCURRENT))
    model = Model(
        name=name,
        kind=kind,
        url=table.text("url").rstrip("/"),
        engine=engine,
        context=table.integer("context", 0, 10 * MIB, 0),
        concurrent=table.integer("concurrent", 1, 10_000, CONCURRENT.get(engine, 1)),
    )
    _check_name(table, name)
    _check_url(table, model.url)
    return model


def _limits(table: Table) -> Limits:
    standard = Limits()
    limits = Limits(
        body_bytes=table.integer("body_bytes", 1024, 256 * MIB, standard.body_bytes),
        header_bytes=table.integer("header_bytes", 1024, MIB, standard.header_bytes),
        header_seconds=table.integer("header_seconds", 1, HOUR, standard.header_seconds),
        body_seconds=table.integer("body_seconds", 1, HOUR, standard.body_seconds),
        write_seconds=table.integer("write_seconds", 1, HOUR, standard.write_seconds),
        keep_alive_seconds=table.integer("keep_alive_seconds", 1, HOUR, standard.keep_alive_seconds),
        connections=table.integer("connections", 1, 100_000, standard.connections),
        concurrent=table.integer("concurrent", 1, 100_000, standard.concurrent),
        concurrent_per_key=table.integer("concurrent_per_key", 1, 100_000, standard.concurrent_per_key),
        connect_seconds=table.integer("connect_seconds", 1, HOUR, standard.connect_seconds),
        silence_seconds=table.integer("silence_seconds", 1, 24 * HOUR, standard.silence_seconds),
        drain_seconds=table.integer("drain_seconds", 1, HOUR, standard.drain_seconds),
    )
    table.close()
    return limits


def _check(table: Table, config: GatewayConfig) -> None:
    if config.metrics.host and not is_loopback(config.metrics.host):
        table.refuse("metrics.host", config.metrics.host, "a loopback address", why="metrics name keys and models")
    for alias, model in config.aliases:
        if model not in {one.name for one in config.models}:
            table.refuse(f"aliases.{alias}", model, "a model of this file")
    if config.report and config.report.peers and not (config.mesh and config.peers_file):
        why = "the monitors' gateways are reached over it only"
        table.refuse("report.peers", ", ".join(config.report.peers), "none without mesh and peers_file", why=why)
    served = {one.name for one in config.models}
    for route in config.frontier.routes if config.frontier else ():
        if route.local and route.local not in served:
            table.refuse("frontier.routes: local", route.local, "a model of this file")
        if route.model in served | dict(config.aliases).keys():
            why = "a name that is served here must never lead away"
            table.refuse("frontier.routes: model", route.model, "a name of its own", why=why)
    for field, values in (
        ("keys: name", [key.name for key in config.keys]),
        ("keys: sha256", [key.sha256 for key in config.keys]),
        ("models: name", [model.name for model in config.models]),
        ("models: url", [model.url for model in config.models]),
    ):
        for twice in _duplicates(values):
            table.refuse(field, f"{twice} more than once", "each only once", code="CONFIG_DUPLICATE")


def _check_name(table: Table, name: str) -> None:
    if name and not NAME.fullmatch(name):
        table.refuse("name", repr(name[:40]), "letters, digits, and . _ / - inside, at most 128")


def _check_url(table: Table, url: str) -> None:
    if url and not is_loopback_url(url):
        table.refuse(
            "url",
            url[:80],
            "http://127.0.0.1:<port> or http://[::1]:<port>, without a path",
            why="a prompt must not leave this node: runtimes are reached over loopback only, and by no name",
        )


def _duplicates(values: Iterable[str]) -> list[str]:
    listed = [value for value in values if value]
    return sorted({value for value in listed if listed.count(value) > 1})
