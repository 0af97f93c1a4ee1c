"""The page as people see it: a real Prometheus with a made-up fleet in it, a real Chromium before it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright
from tests.live.report.running import prometheus
from tests.programs import program
from tests.unit.report.conftest import PATIENCE_SECONDS

from freehold.report import service
from freehold.report.gather import Gathered, Request, gather
from freehold.report.keeper import Keeper
from freehold.report.model import Panel, Query, Row, Unit, View
from freehold.report.page import Look, page
from freehold.report.panels import VIEWS
from freehold.report.prometheus import Place, Prometheus
from freehold.report.span import BY_ID

FLEET = "lab (made-up data)"
MOST_BYTES = 500_000
MOST_SECONDS = 2.0
HOURS, STEP, RANGE = 6.5, 60.0, "6h"
DESKTOP, PHONE, WIDE = ((1280, 900), (390, 844), (1920, 1080))
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), HOURS * 3600, STEP) as one:
        yield one


@contextmanager
def serving(url: str, views: tuple[View, ...]) -> Iterator[str]:
    server = service.bind("127.0.0.1:0", Keeper(service.maker(Place.parse(url), FLEET, "", views)), views)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/status"
    server.shutdown()
    server.server_close()
    thread.join(PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def address(url: str) -> Iterator[str]:
    with serving(url, VIEWS) as one:
        yield one


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Its own sandbox needs a user who is not root; what it opens is a page of ours.
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A page that is open; all that it asked for, and all that it complained of."""

    def __init__(self, browser: Browser, address: str, size: tuple[int, int], scheme: str = "light") -> None:
        self.asked, self.complaints = list[str](), list[str]()
        viewport: ViewportSize = {"width": size[0], "height": size[1]}
        # Named schemes are literals in playwright's types.
        self.context: BrowserContext = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address)


def gathered(url: str, length: str) -> Gathered:
    return gather(Prometheus(Place.parse(url)), Request(BY_ID[length], VIEWS), time.time())


def test_every_panel_has_data_or_says_why_it_may_have_none(url: str) -> None:
    found = gathered(url, RANGE)
    assert [one.failures for one in found.failed] == []
    empty = [one.panel for one in found.shown.values() if not any(one.now) and not any(one.over)]
    assert [panel.id for panel in empty if not panel.may_be_empty] == []


@pytest.mark.parametrize("length", ["1h", "24h", "7d"])
def test_the_page_is_small_and_soon_made(url: str, length: str) -> None:
    took = []
    for _ in range(3):  # others work on this machine, too
        begun = time.monotonic()
        text = page(gathered(url, length), Look(FLEET)).encode()
        took.append(time.monotonic() - begun)
        assert len(text) < MOST_BYTES
    assert min(took) < MOST_SECONDS


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (WIDE, "light")])
def test_it_asks_for_nothing_else_complains_of_nothing_and_fits(
    chromium: Browser, address: str, size: tuple[int, int], scheme: str
) -> None:
    visit = Visit(chromium, f"{address}?range={RANGE}", size, scheme)
    assert visit.asked == [f"{address}?range={RANGE}"]
    assert visit.complaints == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    visit.context.close()


def test_nothing_on_a_phone_is_cut_off_but_tables_that_move(chromium: Browser, address: str) -> None:
    visit = Visit(chromium, address, PHONE)
    cut = visit.page.evaluate(
        """() => [...document.querySelectorAll('main *')]
            .filter(one => !one.closest('.scroll, .hear, svg, details'))
            .filter(one => one.getBoundingClientRect().right > innerWidth - 15)
            .map(one => one.outerHTML.slice(0, 120))"""
    )
    assert cut == []
    visit.context.close()


@pytest.fixture(scope="module")
def sample(url: str) -> Iterator[str]:
    """The same page of few panels: each kind, each state, a band of many lines, an empty one, one that fails."""
    missing = Panel("missing", "Missing", "Nothing.", "value", Unit.NUMBER, (Query("no_such_series"),))
    failing = Panel("failing", "Failing", "Refused.", "series", Unit.NUMBER, (Query("up{"),))
    with serving(
        url, (View("health", "Health", "A few panels.", (Row("All", (*_of_each_kind(), missing, failing)),)),)
    ) as one:
        yield one


def _of_each_kind() -> Iterator[Panel]:
    panels = {panel.id: panel for view in VIEWS for panel in view.panels}
    yield from (panels[f"sovereignty-{name}"] for name in ("unknown", "owned-over-time", "not-good"))
    yield from (panels["health-fleet"], panels["health-gpu-temperature"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(chromium: Browser, sample: str, scheme: str) -> None:
    visit = Visit(chromium, sample, PHONE if scheme == "dark" else DESKTOP, scheme)
    visit.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    result = Axe().run(visit.page, options=RULES)
    assert result.violations_count == 0, result.generate_report()
    visit.context.close()


def test_the_judge_of_accessibility_finds_what_is_wrong(chromium: Browser, sample: str) -> None:
    visit = Visit(chromium, sample, DESKTOP)
    visit.page.evaluate("document.querySelector('.when').style.color = '#ccc'; document.documentElement.lang = ''")
    found = {one["id"] for one in Axe().run(visit.page, options=RULES).response["violations"]}
    assert {"color-contrast", "html-has-lang"} <= found
    visit.context.close()


def test_the_keyboard_reaches_every_link_and_lead_in_the_order_of_the_page(chromium: Browser, address: str) -> None:
    visit = Visit(chromium, f"{address}?view=cost&range=1h", DESKTOP)
    order = []
    for _ in range(30):
        visit.page.keyboard.press("Tab")
        order.append(visit.page.evaluate("document.activeElement.innerText.trim()"))
    assert order[0] == "Skip to the figures"
    assert order[1:10] == ["All", "Cost", "Health", "Sovereignty", "1 h", "6 h", "24 h", "7 d", "30 d"]
    assert order[10:13] == ["All", "gpu1", "gpu2"]
    assert "About: A million tokens together, over an hour" in [name.replace("\n", "") for name in order]
    visit.context.close()


def test_links_lead_to_other_ranges_and_nodes_without_a_script(chromium: Browser, sample: str) -> None:
    visit = Visit(chromium, sample, DESKTOP)
    for label, link, said in (
        ("Time", "1 h", "Last hour, all nodes"),
        ("Node", "gpu2", "Last hour, node gpu2"),
    ):
        visit.page.get_by_label(label, exact=True).get_by_role("link", name=link, exact=True).click()
        assert said in visit.page.locator(".when").inner_text()
    assert visit.page.url.endswith("/status?range=1h&view=health&node=gpu2")
    assert visit.complaints == []
    visit.context.close()


def test_a_request_to_anywhere_else_would_be_seen_and_stopped(chromium: Browser, address: str) -> None:
    """The control of the two tests above: the policy stops what a page might ask for, and the test sees it."""
    visit = Visit(chromium, address, DESKTOP)
    with visit.page.expect_console_message() as complaint:
        visit.page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}))")
    assert "Content Security Policy" in complaint.value.text
    assert visit.complaints
    visit.context.close()
