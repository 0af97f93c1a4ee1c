"""The status page on every node's gateway: for permitted keys only, live, whole in a browser, asking nobody.

``FREEHOLD_SCREENSHOTS=docs/screenshots`` keeps what Chromium shows there, for the documentation.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from tests.lab.leaving import key_of
from tests.lab.waiting import until
from tests.lab.world import Document, Outside
from tests.programs import program

from freehold.report.panels import VIEWS
from freehold.status.gather import Access

FRESH = timedelta(seconds=60)
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
SHOWN = os.environ.get("FREEHOLD_SCREENSHOTS")


@pytest.fixture(scope="module")
def bases(document: Document) -> dict[str, str]:
    """Each node's own way in, a monitor or not."""
    return {host["name"]: f"http://{host['serve_address']}:{document['gateway']['port']}" for host in document["hosts"]}


def curl(outside: Outside, *words: str) -> tuple[int, str]:
    done = outside("curl", "-s", "-w", "\n%{http_code}", *words)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def test_every_node_shows_it_to_the_operators_key(bases: dict[str, str], access: Access, outside: Outside) -> None:
    for name, base in bases.items():
        status, page = curl(outside, "-H", f"Authorization: Bearer {access.client_key}", f"{base}/status")
        assert (status, "<!doctype html>" in page.lower()) == (200, True), name
        assert curl(outside, "-u", f"anybody:{access.client_key}", f"{base}/status")[0] == 200


def test_what_it_shows_is_of_this_minute(bases: dict[str, str], access: Access, outside: Outside) -> None:
    for base in bases.values():
        status, text = curl(outside, "-u", f"x:{access.client_key}", f"{base}/status.json?range=1h")
        assert status == 200
        newest = datetime.fromisoformat(json.loads(text)["data_at"])
        assert abs(datetime.now(UTC) - newest) < FRESH


def test_without_a_permitted_key_there_is_nothing(bases: dict[str, str], outside: Outside) -> None:
    for base in bases.values():
        status, page = curl(outside, "-i", f"{base}/status")
        assert status == 401
        assert "www-authenticate: basic" in page.lower()
        assert "<svg" not in page
    with key_of("status-trial") as key:
        base = next(iter(bases.values()))
        shown = ("-H", f"Authorization: Bearer {key}")
        until(lambda: curl(outside, *shown, f"{base}/v1/models")[0] == 200, "the gateway knows the key")
        assert curl(outside, *shown, f"{base}/status")[0] == 403


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, the real one."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def looked(browser: Browser, bases: dict[str, str], access: Access) -> Iterator[tuple[Page, list[str], list[str]]]:
    """The page of the first node; what it asked for, and what the console said."""
    credentials = {"username": "operator", "password": access.client_key}
    context = browser.new_context(http_credentials=credentials, viewport=DESK)  # type: ignore[arg-type]
    page, asked, said = context.new_page(), list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{next(iter(bases.values()))}/status?range=1h")
    yield page, asked, said
    context.close()


def test_a_browser_shows_it_whole_and_it_asks_nobody(
    looked: tuple[Page, list[str], list[str]], bases: dict[str, str], tmp_path: Path
) -> None:
    page, asked, said = looked
    base = next(iter(bases.values()))
    # A browser asks for an icon by itself.
    assert [url for url in asked if not url.startswith(f"{base}/")] == []
    assert [line for line in said if "favicon" not in line] == []
    assert page.locator("svg").count() > 5
    folder = Path(SHOWN) if SHOWN else tmp_path
    for name, size, scheme in (("desktop", DESK, "light"), ("desktop", DESK, "dark"), ("phone", PHONE, "light")):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        page.screenshot(path=folder / f"status-{name}-{scheme}.png")
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    for view in VIEWS:
        page.evaluate(f"document.querySelector('#{view.id}').scrollIntoView()")
        page.screenshot(path=folder / f"status-{view.id}-light.png")


def test_it_says_what_is_simulated_and_how_the_fleet_is(looked: tuple[Page, list[str], list[str]]) -> None:
    text = looked[0].inner_text("body")
    assert re.search(r"simulated", text, re.IGNORECASE)
    assert "lab" in text


def test_it_is_accessible(looked: tuple[Page, list[str], list[str]]) -> None:
    found = Axe().run(looked[0], options={"runOnly": ["wcag2a", "wcag2aa"]})
    assert found.violations_count == 0, found.generate_report()
