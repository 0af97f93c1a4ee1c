"""The forty things that every arm brings about: named once, told to Ansible as tasks and to pyinfra as data.

What they are is modelled on Freehold's own roles: packages, users, many small files, a few units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Item = Mapping[str, Any]

FOLDERS = ("/etc/bench", "/etc/bench/conf.d", "/opt/bench", "/opt/bench/bin", "/srv/bench", "/var/lib/bench")
NUMBERS = range(1, 9)
UNITS = tuple(f"bench-{number}.service" for number in (1, 2, 3))
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer")
NOLOGIN = "/usr/sbin/nologin"
SHEBANG = "#!/bin/sh\n# Says its own name.\nprintf '%s\\n' \"$0\"\n"


def items() -> tuple[Item, ...]:
    """All forty, in an order in which each finds what it needs."""
    found = (*_accounts(), *_files(), *_running())
    assert len(found) == 40
    return found


def _accounts() -> Iterator[Item]:
    yield {"kind": "package", "name": "libgomp1", "present": True}
    yield {"kind": "package", "name": "curl", "present": True}
    yield {"kind": "package", "name": "popularity-contest", "present": False}
    yield from ({"kind": "group", "name": f"bench-readers-{number}"} for number in (1, 2))
    yield from ({"kind": "user", "name": f"bench-{number}", "group": "bench-readers-1"} for number in (1, 2, 3))


def _files() -> Iterator[Item]:
    yield from ({"kind": "folder", "path": path, "mode": "0755"} for path in FOLDERS)
    for number in NUMBERS:
        values = {"title": f"part-{number}", "count": 4 * number}
        yield {"kind": "template", "src": "part.conf.j2", "path": f"/etc/bench/conf.d/{number}.conf", "values": values}
    for unit in UNITS:
        values = {"title": unit, "count": 0}
        yield {"kind": "template", "src": "unit.service.j2", "path": f"/etc/systemd/system/{unit}", "values": values}
    for number in (1, 2, 3, 4, 5):
        yield {"kind": "copy", "path": f"/opt/bench/bin/say-{number}", "content": SHEBANG * number, "mode": "0755"}
    for number in (1, 2):
        yield {"kind": "link", "path": f"/usr/local/bin/bench-{number}", "target": f"/opt/bench/bin/say-{number}"}
    yield {"kind": "line", "path": "/etc/bench/lines", "line": "BENCH=1"}


def _running() -> Iterator[Item]:
    for number in (1, 2):
        yield {"kind": "command", "argv": ["touch", f"/var/lib/bench/{number}"], "creates": f"/var/lib/bench/{number}"}
    yield from ({"kind": "unit", "name": name} for name in UNITS)
    yield from ({"kind": "masked", "name": name} for name in MASKED)


def tasks(wanted: Sequence[Item]) -> list[dict[str, Any]]:
    """One Ansible task an item."""
    return [_task(item) for item in wanted]


def folded(wanted: Sequence[Item]) -> list[dict[str, Any]]:
    """The same with as few tasks as there are kinds of work: one for the packages, one for all files and folders."""
    packages = [item["name"] for item in wanted if item["kind"] == "package" and item["present"]]
    tree = [item for item in wanted if item["kind"] in {"folder", "template", "copy", "link"}]
    rest = [item for item in wanted if item not in tree and item.get("name") not in packages]
    first = {"name": "Packages", "ansible.builtin.apt": {"name": packages, "install_recommends": False}}
    files = {"name": "Files and folders", "tree": {"entries": [_entry(item) for item in tree]}}
    accounts = [item for item in rest if item["kind"] in {"package", "group", "user"}]
    after = [item for item in rest if item not in accounts]
    return [first, *tasks(accounts), files, *tasks(after)]


def _entry(item: Item) -> dict[str, Any]:
    entry = {key: item[key] for key in ("path", "mode", "content", "target") if key in item}
    if item["kind"] == "template":
        entry["content"] = (
            f"{{{{ lookup('ansible.builtin.template', '{item['src']}', template_vars={item['values']}) }}}}"
        )
    return {"mode": "0644", **entry}


def _task(item: Item) -> dict[str, Any]:
    module, arguments = _MODULES[item["kind"]](item)
    name = item.get("path") or item.get("name") or item["creates"]
    task = {"name": f"{item['kind']} {name}"}
    values = {"vars": item["values"]} if "values" in item else {}
    return {**task, f"ansible.builtin.{module}": arguments, **values}


def _package(item: Item) -> tuple[str, dict[str, Any]]:
    state = "present" if item["present"] else "absent"
    return "apt", {"name": item["name"], "state": state, "install_recommends": False}


def _user(item: Item) -> tuple[str, dict[str, Any]]:
    home = {"home": "/nonexistent", "create_home": False}
    return "user", {"name": item["name"], "group": item["group"], "system": True, "shell": NOLOGIN, **home}


_OWNED = {"owner": "root", "group": "root"}
_MODULES: dict[str, Callable[[Item], tuple[str, dict[str, Any]]]] = {
    "package": _package,
    "group": lambda item: ("group", {"name": item["name"], "system": True}),
    "user": _user,
    "folder": lambda item: ("file", {"path": item["path"], "state": "directory", "mode": item["mode"], **_OWNED}),
    "template": lambda item: ("template", {"src": item["src"], "dest": item["path"], "mode": "0644", **_OWNED}),
    "copy": lambda item: (
        "copy",
        {"content": item["content"], "dest": item["path"], "mode": item["mode"], **_OWNED},
    ),
    "link": lambda item: ("file", {"path": item["path"], "src": item["target"], "state": "link"}),
    "line": lambda item: (
        "lineinfile",
        {"path": item["path"], "line": item["line"], "create": True, "mode": "0644"},
    ),
    "command": lambda item: ("command", {"argv": item["argv"], "creates": item["creates"]}),
    "unit": lambda item: ("systemd_service", {"name": item["name"], "enabled": True, "state": "started"}),
    "masked": lambda item: ("systemd_service", {"name": item["name"], "masked": True, "state": "stopped"}),
}
