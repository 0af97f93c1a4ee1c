"""The stack's ``fleet:monitoring``: what the monitor keeps, whom it tells, and who tells when it is silent itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from freehold.fleet.sections import Section
from freehold.fleet.values import Authorities, MailAddress, MailServer, Name, ServerName, Url


class Mail(Section):
    """Alerts by mail, over a mail server of the owner's."""

    server: MailServer = Field(description="host:port of the owner's mail server", examples=["192.0.2.25:587"])
    tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls, tls (from the first byte), or none", examples=["starttls"]
    )
    server_name: ServerName | None = Field(
        default=None,
        description="the name in its certificate, where that is another; left out: the host of `server`",
        examples=["mail.example.com"],
    )
    ca: Authorities | None = Field(
        default=None,
        description="PEM of the only authorities that are trusted for it; left out: those of the node's system",
        examples=["-----BEGIN CERTIFICATE-----…"],
    )
    sender: MailAddress = Field(description="the address that mails are from", examples=["freehold@example.com"])
    to: tuple[MailAddress, ...] = Field(min_length=1, description="whom to tell", examples=["[ops@example.com]"])
    user: str | None = Field(
        default=None, min_length=1, description="the user there; left out: none", examples=["freehold"]
    )
    credential: Name | None = Field(
        default=None, description="its password's name in fleet:credentials; left out: none", examples=["mail"]
    )


class Webhook(Section):
    """Alerts to an address of the owner's, as Alertmanager's webhook sends them."""

    url: Url = Field(description="an http or https address of the owner's", examples=["https://192.0.2.25/alerts"])
    credential: Name | None = Field(
        default=None, description="a bearer token's name in fleet:credentials; left out: none", examples=["pager"]
    )


class Monitoring(Section):
    """What the monitor does. Its hosts are `fleet:monitor`."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=90, description="days that Prometheus keeps, 1 to 3650", examples=[90]
    )
    retention_gb: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=20, description="GB that it keeps at most; the older goes first", examples=[20]
    )
    long_term: bool = Field(
        default=False, description="true: VictoriaMetrics on the monitor keeps everything for longer", examples=["true"]
    )
    long_term_months: Annotated[int, Field(ge=1, le=240)] = Field(
        default=24, description="months that VictoriaMetrics keeps, 1 to 240", examples=[24]
    )
    grafana: bool = Field(
        default=False, description="true: Grafana on the monitor, where the bundle holds its package", examples=["true"]
    )
    runbooks_url: Url | None = Field(
        default=None,
        description="where the runbooks are served; left out: alerts name the file in docs/runbooks",
        examples=["http://192.0.2.1/runbooks"],
    )
    mail: Mail | None = Field(default=None, description="mail; left out: none is sent", examples=["{}"])
    webhooks: tuple[Webhook, ...] = Field(default=(), description="addresses that are told", examples=["[]"])
    watcher: Name | None = Field(
        default=None,
        description="the host whose dead man's switch tells of a silent monitor; by default the first that is none",
        examples=["gpu2"],
    )
