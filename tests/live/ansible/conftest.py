"""The valid configuration and the hierarchy of the unit tests, for runs of the real Ansible."""

from tests.unit.fleet.conftest import bundle, config, document, stack_text, world
from tests.unit.keys.conftest import cheap_passphrases, clock, folder, secret_file

__all__ = ["bundle", "cheap_passphrases", "clock", "config", "document", "folder", "secret_file", "stack_text", "world"]
