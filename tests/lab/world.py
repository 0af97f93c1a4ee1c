"""The shapes that the lab's tests pass around."""

import subprocess
from collections.abc import Callable
from typing import Any

Document = dict[str, Any]
ReadFacts = Callable[[], dict[str, Any]]
Outside = Callable[..., subprocess.CompletedProcess[str]]
