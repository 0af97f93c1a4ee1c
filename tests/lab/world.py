"""The shapes that the lab's tests pass around."""

import subprocess
from collections.abc import Callable
from typing import Any

from testinfra.host import Host

Document = dict[str, Any]
ReadFacts = Callable[[], dict[str, Any]]
NodeOf = Callable[[str], Host]
Outside = Callable[..., subprocess.CompletedProcess[str]]
