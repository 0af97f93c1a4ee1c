"""The commands ``freehold report`` (the status page, as a file) and ``freehold report-service`` (which serves it)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.errors import FreeholdError, PartialError, UnknownStateError, UsageError
from freehold.fleet import target
from freehold.report.options import DEFAULT_FLEET, DEFAULT_LISTEN, DEFAULT_PROMETHEUS

if TYPE_CHECKING:
    from freehold.report.fetch import Fetched, Wanted

STDOUT = Path("-")


def register(app: typer.Typer) -> None:
    """Add this part's commands to ``freehold``."""
    app.command("report")(report)
    app.command("report-service")(report_service)


def report(
    *,
    html: Annotated[Path | None, typer.Option(help="Write the page to this file; - is standard output.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the page's data as JSON.")] = False,
    range_: Annotated[str, typer.Option("--range", help="1h, 6h, 24h, 7d or 30d.")] = "24h",
    view: Annotated[str, typer.Option(help="cost, health or sovereignty; default: all three.")] = "",
    node: Annotated[str, typer.Option(help="One node; default: all.")] = "",
    open_: Annotated[bool, typer.Option("--open", help="Show the file in a browser.")] = False,
    local: Annotated[bool, typer.Option("--local", help="Ask this machine's own service, not a monitor.")] = False,
    service: Annotated[str, typer.Option(help="With --local: where the service listens.")] = DEFAULT_LISTEN,
    document: Annotated[Path | None, typer.Option(help="The fleet document; default: stack's or lab's.")] = None,
    private_key: Annotated[Path | None, typer.Option(help="The operator's SSH key; default: stack's or lab's.")] = None,
    known_hosts: Annotated[Path | None, typer.Option(help="Pinned host keys; default: beside the document.")] = None,
) -> None:
    """Cost, health and sovereignty as one page. Exit code 5: figures are missing; 7: nothing is known."""
    from freehold.report.fetch import Wanted, from_fleet, from_service  # noqa: PLC0415  a node's service needs none of it

    if (html is None) == (not as_json):
        raise UsageError("REPORT_WHAT", "freehold report", "neither or both of them", expected="--html FILE or --json")
    if open_ and html in {None, STDOUT}:
        raise UsageError("REPORT_OPEN", "--open", "no file", expected="--html FILE")
    wanted = Wanted.of(range_, view, node, as_json=as_json)
    if local:
        found = from_service(service, wanted)
    else:
        found = from_fleet(target.document(document), target.private_key(private_key), known_hosts, wanted)
    deliver(found, html, open_=open_)
    judge(found, wanted)


def deliver(found: Fetched, html: Path | None, *, open_: bool) -> None:
    """Print it, or write it whole or not at all, and say where it is."""
    from freehold.report.fetch import write  # noqa: PLC0415  see above

    if html is None or html == STDOUT:
        sys.stdout.write(found.text)
        sys.stdout.flush()
        return
    write(html, found.text)
    print(f"{html}: {len(found.text.encode()):,} bytes, from {found.source}")
    if open_:
        import webbrowser  # noqa: PLC0415  only who asks for it needs it

        webbrowser.open(html.resolve().as_uri())


def judge(found: Fetched, wanted: Wanted) -> None:
    """Raise what the exit code says: a page that says that it knows nothing is no success."""
    problem: type[FreeholdError] | None = {"none": UnknownStateError, "partial": PartialError}.get(found.data)
    if problem is None or wanted.as_json:
        if problem is not None:  # JSON says it itself, and there must be only one of it
            raise typer.Exit(problem.exit_code)
        return
    raise problem(
        "REPORT_WITHOUT_DATA" if found.data == "none" else "REPORT_INCOMPLETE",
        found.source,
        "Prometheus has no new figures" if found.data == "none" else "some figures have no answer",
        expected="an answer of Prometheus to each question",
        why="the page says so in the place of each figure",
        fix="on the monitor: systemctl status prometheus; df -h; journalctl -u prometheus",
        changed="the page was written all the same",
    )


def report_service(
    *,
    listen: Annotated[str, typer.Option(help="Where to serve /status, /status.json, /metrics.")] = DEFAULT_LISTEN,
    prometheus: Annotated[str, typer.Option(help="Prometheus on this machine.")] = DEFAULT_PROMETHEUS,
    fleet: Annotated[str, typer.Option(help="The fleet's name.")] = DEFAULT_FLEET,
    runbooks: Annotated[str, typer.Option(help="Where the runbooks are, as a link; empty: names only.")] = "",
) -> None:
    """Serve the status page on loopback, made of what Prometheus on this machine says."""
    # The same process goes on as a smaller one: what the other commands load would stay in memory for good.
    sys.stdout.flush()
    os.execv(sys.executable, command(listen, prometheus, fleet, runbooks))  # noqa: S606  no shell is the point


def command(listen: str, prometheus: str, fleet: str, runbooks: str) -> list[str]:
    """The service by itself; -P keeps what lies in the working folder from being taken for a module."""
    words = ["--listen", listen, "--prometheus", prometheus, "--fleet", fleet, "--runbooks", runbooks]
    return [sys.executable, "-P", "-m", "freehold.report", *words]
