"""Tells Pulumi's engine what a command says while it runs."""

from __future__ import annotations

import grpc  # type: ignore[import-untyped]

from freehold.pulumi_command.protocol import engine_pb2, engine_pb2_grpc

# A stack's state can carry long outputs; the engine's own limit is the same.
CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", 400 * 1024 * 1024),
    ("grpc.max_send_message_length", 400 * 1024 * 1024),
)


class Engine:
    """The running `pulumi`, by the address that it gave us."""

    def __init__(self, address: str) -> None:
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=CHANNEL_OPTIONS))

    def log(self, urn: str, line: str) -> None:
        """Show ``line`` as the state of a resource: one replaces the last one, none stays in the summary."""
        request = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=line, urn=urn, ephemeral=True)
        try:
            self._stub.Log(request)
        except grpc.RpcError:
            return  # a lost line of progress is no reason to stop the work
