"""Where a connection goes and what it may show: the SDK's `connection`, and its `proxy`, after the check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AGENT_VARIABLE = "SSH_AUTH_SOCK"


@dataclass(frozen=True)
class Target:
    """A host. ``per_dial_timeout`` is in seconds, 0 without one; secrets stay out of its ``repr``."""

    host: str
    user: str
    port: int
    dial_error_limit: int
    per_dial_timeout: float
    host_key: str = ""
    password: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    private_key_password: str = field(default="", repr=False)
    agent_socket: str = ""
    proxy: Target | None = None

    @classmethod
    def of(cls, connection: Mapping[str, Any], environ: Mapping[str, str]) -> Target:
        """From checked inputs, defaults included; ``environ`` names the agent of a connection that brings nothing."""
        own = connection.get("privateKey") or connection.get("password")
        proxy = connection.get("proxy")
        return cls(
            host=connection["host"],
            user=connection["user"],
            port=int(connection["port"]),
            dial_error_limit=int(connection["dialErrorLimit"]),
            per_dial_timeout=float(connection["perDialTimeout"]),
            host_key=connection.get("hostKey") or "",
            password=connection.get("password") or "",
            private_key=connection.get("privateKey") or "",
            private_key_password=connection.get("privateKeyPassword") or "",
            agent_socket=connection.get("agentSocketPath") or ("" if own else environ.get(AGENT_VARIABLE, "")),
            proxy=cls.of(proxy, environ) if proxy else None,
        )

    @property
    def address(self) -> str:
        """For messages."""
        return f"{self.user}@{self.host}:{self.port}"
