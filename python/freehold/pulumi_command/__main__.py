"""The plugin as a program: `python -m freehold.pulumi_command ADDRESS-OF-THE-ENGINE`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from concurrent import futures
from types import FrameType

import grpc  # type: ignore[import-untyped]

from freehold.pulumi_command.engine import CHANNEL_OPTIONS, Engine
from freehold.pulumi_command.lifecycle import Lifecycle
from freehold.pulumi_command.protocol import provider_pb2_grpc
from freehold.pulumi_command.service import Service
from freehold.pulumi_command.work import GRACE_SECONDS

# Threads are made when they are needed; Pulumi runs 4 resources a core at once unless told otherwise.
MOST_CALLS_AT_ONCE = 1024

# How long commands may live on after a Pulumi that was killed and could not say goodbye.
PARENT_LOOK_SECONDS = 1.0

# After the grace, for what did not end by request to be ended by order, on a host too.
ORDER_SECONDS = 5.0

# For the last answers to reach Pulumi.
GOODBYE_SECONDS = 1.0


def main() -> None:
    """Serve until Pulumi ends us, or is gone."""
    logging.getLogger("paramiko").addHandler(logging.NullHandler())  # its errors reach the user as ours
    parent = os.getppid()
    lifecycle = Lifecycle()
    server = grpc.server(futures.ThreadPoolExecutor(MOST_CALLS_AT_ONCE), options=CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Service(Engine(sys.argv[1]), lifecycle), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    ending = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ending.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    print(port, flush=True)
    while os.getppid() == parent and not ending.wait(PARENT_LOOK_SECONDS):
        pass
    lifecycle.cancellation.cancel()
    # Not `server.stop`'s own wait: it ends with the calls, and the calls end with a Pulumi that is gone.
    lifecycle.cancellation.wait_for_ends(GRACE_SECONDS + ORDER_SECONDS)
    server.stop(GOODBYE_SECONDS).wait()
    # Threads that wait for a host that never answers must not keep us alive.
    os._exit(0)


if __name__ == "__main__":
    main()
