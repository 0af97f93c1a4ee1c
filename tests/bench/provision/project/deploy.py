"""The forty things as a pyinfra deploy: one operation for each, read from the file that ``items`` names."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

from pyinfra import host  # type: ignore[import-not-found]  # in the benchmark's own environment only
from pyinfra.facts.files import File  # type: ignore[import-not-found]
from pyinfra.operations import apt, files, server, systemd  # type: ignore[import-not-found]

OWNED = {"user": "root", "group": "root"}


def bring_about(item: Any) -> None:  # noqa: C901  a table of kinds
    match item["kind"]:
        case "package":
            apt.packages(packages=[item["name"]], present=item["present"], no_recommends=True)
        case "group":
            server.group(group=item["name"], system=True)
        case "user":
            never = {"create_home": False, "ensure_home": False}
            server.user(  # noqa: S604  the login shell
                user=item["name"],
                group=item["group"],
                system=True,
                shell="/usr/sbin/nologin",
                home="/nonexistent",
                **never,
            )
        case "folder":
            files.directory(path=item["path"], mode=item["mode"][1:], **OWNED)
        case "template":
            trim = {"trim_blocks": True}
            src = f"templates/{item['src']}"
            files.template(src=src, dest=item["path"], mode="644", jinja_env_kwargs=trim, **OWNED, **item["values"])
        case "copy":
            files.put(src=StringIO(item["content"]), dest=item["path"], mode=item["mode"][1:], **OWNED)
        case "link":
            files.link(path=item["path"], target=item["target"])
        case "line":
            files.line(path=item["path"], line=item["line"])
        case "command" if not host.get_fact(File, path=item["creates"]):
            server.shell(commands=[" ".join(item["argv"])])
        case "unit":
            systemd.service(service=item["name"], running=True, enabled=True)
        case "masked":
            systemd.service(service=item["name"], running=False)
            files.link(path=f"/etc/systemd/system/{item['name']}", target="/dev/null")


for entry in json.loads(Path("items.json").read_text(encoding="utf-8")):
    bring_about(entry)
