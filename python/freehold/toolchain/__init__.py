"""Pulumi on the control host: the command, its Python language host and the plugin `command`.

:func:`ensure_pulumi` takes what an operator has, where that is official and recent enough, and builds the rest from
pinned Go modules into the cache. It never downloads a binary and never changes anything outside its own folders.
"""

from freehold.toolchain.plugin import Plugin
from freehold.toolchain.pulumi import Toolchain, ensure_pulumi

__all__ = ["Plugin", "Toolchain", "ensure_pulumi"]
