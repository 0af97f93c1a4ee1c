"""The bundle's web server: nginx with its own configuration, on the management network only.

The program alone is used, never Debian's service: installing the package would start a server on port 80 now and at
every boot, on a machine that may have other plans for that port. So an nginx that is installed already is borrowed
(its service is left as it is), and otherwise the package is downloaded, verified by apt, and only unpacked.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from pathlib import Path

from freehold.errors import PartialError
from freehold.lab.launch import Service
from freehold.lab.plan import BUNDLE_PORT, Plan
from freehold.lab.world import Lab
from freehold.paths import LabPaths
from freehold.process import Runner
from freehold.steps import UP_TO_DATE, Report
from freehold.unpacked import unpack

GROUP = "web"
START_LIMIT_SECONDS = 10.0
POLL_SECONDS = 0.05
# Where Debian installs it; a user's PATH often lacks the folder.
INSTALLED = Path("/usr/sbin/nginx")

CONFIGURATION = """\
# The web server of the lab's bundle: read-only files for the nodes. Written by `make up`.
daemon off;
user www-data;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {logs}/bundle-error.log;
events {{ worker_connections 256; }}
http {{
  access_log {logs}/bundle-access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server_tokens off;
  sendfile on;
  types {{ text/plain asc txt; application/json json; text/html html; }}
  default_type application/octet-stream;
  server {{
    # Not on any other address: only the nodes have business here.
    listen {address}:{port};
    root {bundle};
    autoindex on;
  }}
}}
"""


def url(plan: Plan) -> str:
    """Where the nodes find the bundle."""
    return f"http://{plan.control_address}:{BUNDLE_PORT}"


def configuration(plan: Plan, paths: LabPaths) -> str:
    """The text of nginx.conf."""
    return CONFIGURATION.format(
        folder=paths.root / "web",
        logs=paths.logs,
        address=plan.control_address,
        port=BUNDLE_PORT,
        bundle=paths.bundle,
    )


def raise_web(lab: Lab, report: Report) -> str:
    """Serve the bundle folder, which may still be empty; a change of the configuration restarts the server."""
    folder, name = lab.paths.root / "web", lab.plan.group(GROUP)
    file, text = folder / "nginx.conf", configuration(lab.plan, lab.paths)
    unchanged = file.is_file() and file.read_text(encoding="utf-8") == text
    if unchanged and lab.launcher.running(name) and answers(lab.plan):
        return UP_TO_DATE
    for place in (folder, lab.paths.bundle, lab.paths.logs):
        place.mkdir(parents=True, exist_ok=True)
    program = find_program(lab.runner, lab.cache, report)
    file.write_text(text, encoding="utf-8")
    log = lab.paths.logs / "bundle-error.log"
    command = (str(program), "-e", str(log), "-p", str(folder), "-c", str(file))
    lab.runner([*command, "-t", "-q"])
    lab.launcher.start(Service(name, command, lab.paths.logs / "web.log"))
    wait_until(lambda: answers(lab.plan), url(lab.plan), log)
    return url(lab.plan)


def find_program(runner: Runner, cache: Path, report: Report, installed: Path = INSTALLED) -> Path:
    """The nginx that is installed, or one unpacked into the cache."""
    unpacked = cache / "nginx" / "usr/sbin/nginx"
    if installed.is_file():
        return installed
    if not unpacked.is_file():
        report("nginx: downloading and unpacking (not installing: no service is started)")
        unpack("nginx", cache, "nginx serves the bundle to the nodes", runner)
    return unpacked


def answers(plan: Plan) -> bool:
    """Whether the server answers at all; the bundle may be missing, which is the bundle's business."""
    connection = http.client.HTTPConnection(str(plan.control_address), BUNDLE_PORT, timeout=2)
    try:
        connection.request("HEAD", "/")
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until(
    condition: Callable[[], bool],
    subject: str,
    log: Path,
    *,
    limit: float = START_LIMIT_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Wait for a server that was just started."""
    deadline = clock() + limit
    while not condition():
        if clock() > deadline:
            raise PartialError(
                "LAB_SERVER_SILENT",
                subject,
                f"no answer within {limit:.0f} s",
                expected="an answer",
                fix=f"read {log}, mend, and run the same command again",
                changed="its process was started",
            )
        time.sleep(POLL_SECONDS)
