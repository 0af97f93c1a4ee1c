#!/usr/bin/python3
"""A stand-in for Grafana, not Grafana: reads its settings like it, answers /api/health, notes its environment."""

from __future__ import annotations

import configparser
import http.server
import json
import os
import re
import sys
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    """One answer."""

    def do_GET(self) -> None:
        """Say that all is well, and that this is a stand-in."""
        found = self.path == "/api/health"
        body = json.dumps({"database": "ok", "version": "stand-in"} if found else {}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def read(config: Path) -> configparser.ConfigParser:
    """The settings, ``$__file{...}`` in place, as Grafana does it."""
    text = re.sub(r"\$__file\{([^}]+)\}", lambda found: Path(found[1]).read_text(encoding="utf-8"), config.read_text())
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string(f"[top]\n{text}")
    return settings


def main() -> None:
    """``grafana server --homepath=... --config=... --packaging=deb``."""
    options = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[2:])
    settings = read(Path(options["config"]))
    server = settings["server"]
    switches = {name: value for name, value in os.environ.items() if name.startswith("GF_")}
    noted = {"switches": switches, "secrets": [len(settings["security"][n]) for n in ("admin_password", "secret_key")]}
    Path(settings["paths"]["data"], "noted.json").write_text(json.dumps(noted), encoding="utf-8")
    address = (server["http_addr"], int(server["http_port"]))
    print("stand-in for Grafana on", *address, flush=True)
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()


if __name__ == "__main__":
    main()
