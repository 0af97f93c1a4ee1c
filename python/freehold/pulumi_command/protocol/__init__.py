"""The messages of Pulumi's protocol, without the rest of its SDK.

They lie in the SDK's folder `pulumi/runtime/proto`. Imported by that name they would first load all of the SDK, which
takes longer than everything else that the plugin needs, and nothing in them uses it; so this package looks for its
modules in that folder.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING


def _folder() -> Path:
    sdk = importlib.util.find_spec("pulumi")  # finds, and does not import
    if sdk is None or sdk.origin is None:
        raise ModuleNotFoundError("No module named 'pulumi'", name="pulumi")
    return Path(sdk.origin).parent / "runtime" / "proto"


__path__ = [str(_folder())]

if TYPE_CHECKING:
    from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc
else:
    from freehold.pulumi_command.protocol import (
        engine_pb2,
        engine_pb2_grpc,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
    )

__all__ = ("engine_pb2", "engine_pb2_grpc", "plugin_pb2", "provider_pb2", "provider_pb2_grpc")
