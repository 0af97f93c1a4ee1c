"""The page about the configuration is written from the settings and is fresh."""

from __future__ import annotations

import re

from freehold.fleet import settings_page
from freehold.fleet.settings import Settings, sections


def test_the_page_in_the_tree_is_the_one_of_the_code() -> None:
    """Mend with: python -m freehold.fleet.settings_page."""
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.render()


def test_every_setting_is_on_the_page() -> None:
    page = settings_page.render()
    names = [*Settings.model_fields, *(name for section in sections().values() for name in section.model_fields)]
    assert [name for name in names if f"`{name}`" not in page and not re.search(rf":{name}(`|\[|\.)", page)] == []
