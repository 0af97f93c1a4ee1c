"""The valid configuration of the fleet's tests, for runs of the real Ansible."""

from tests.unit.fleet.conftest import bundle, config, document, stack_text, world

__all__ = ["bundle", "config", "document", "stack_text", "world"]
