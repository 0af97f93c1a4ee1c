# ruff: noqa: ANN001, ANN201, ANN202, INP001, PTH103, PTH104, PTH120, PTH123, S302, SLF001
# A task pays for each import (no pathlib, contextlib, types); zipimport has no public name for its compiler.
"""Keeps what Python compiles of Ansible's modules until the next boot: a third of what a task costs on a node.

Ansible sends each task as a zip of sources, and Python compiles a zip's sources anew each time. Python reads this file
because the play sets PYTHONPATH to its folder, and only then. A kept entry is named by the digest of the source that it
was made from (Python's own, of hash-based .pyc files), its length, and the Python that made it; only root reads or
writes the folder. What goes wrong here costs time, never the task. Nothing is imported that is not loaded anyway: a
task pays for it. Tried with Debian 12's Python; one that compiles zips by another name keeps nothing.
"""

import _imp
import marshal
import os
import sys
import zipimport

FOLDER = "/run/freehold-ansible"
VERSION = sys.implementation.cache_tag


def keeping(compile_source, folder):
    """Return zipimport's compiler, a function of path and source, with a store in ``folder``."""

    def compiled(path, source):
        entry = f"{folder}/{_imp.source_hash(0, source).hex()}-{len(source)}.{VERSION}"
        try:
            with open(entry, "rb") as stream:
                return marshal.loads(stream.read())
        except (OSError, ValueError, EOFError, TypeError):
            code = compile_source(path, source)
        store(entry, marshal.dumps(code))
        return code

    return compiled


def store(entry, data):
    """Write an entry whole or not at all, for other tasks may read it now; a full disk is no reason to fail."""
    try:
        os.makedirs(os.path.dirname(entry), mode=0o700, exist_ok=True)
        draft = f"{entry}.{os.getpid()}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
        os.rename(draft, entry)
    except OSError:
        pass


def main():
    """Take effect in this process, and in none that it starts."""
    if os.environ.get("PYTHONPATH") == os.path.dirname(__file__):
        del os.environ["PYTHONPATH"]
    if os.geteuid() == 0 and hasattr(zipimport, "_compile_source"):
        zipimport._compile_source = keeping(zipimport._compile_source, FOLDER)


if __name__ == "sitecustomize":
    main()
