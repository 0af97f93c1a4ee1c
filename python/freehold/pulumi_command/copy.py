"""``command:remote:CopyToRemote`` and ``command:remote:CopyFile``: files and folders to a host, over SFTP.

Where CopyToRemote puts things, as the SDK documents it (a source folder with an ending slash means its contents)::

    source | destination is a folder | it does not exist | it is a file
    -------+-------------------------+-------------------+-------------
    dir    | destination/dir         | destination/dir   | error
    dir/   | destination/x           | destination/x     | error
    file   | destination/file        | destination       | overwritten
    text   | error                   | destination       | overwritten

CopyFile, its older form, knows files only: the destination is the file's whole path, in a folder that exists.
"""

from __future__ import annotations

import io
import os
import posixpath
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import paramiko

from freehold.pulumi_command.remote import connected
from freehold.pulumi_command.work import CommandError, Task


def copy(task: Task) -> None:
    """Copy the inputs' ``source`` to their ``remotePath``. Raises :class:`CommandError`."""
    source, destination = task.inputs["source"], task.inputs["remotePath"]
    with connected(task) as session:
        files = session.connection.sftp()
        try:
            if "text" in source and not source.get("path"):
                _copy_text(files, source["text"], destination)
            else:
                _copy_path(files, source["path"], destination)
        except OSError as error:
            raise CommandError(f"copying {_named(source)} to {destination}: {error}") from error


def copy_file(task: Task) -> None:
    """Copy the file at the inputs' ``localPath`` to their ``remotePath``. Raises :class:`CommandError`."""
    source, destination = task.inputs["localPath"], task.inputs["remotePath"]
    if not Path(source).is_file():
        raise CommandError(f"localPath {source} is no file on this machine: CopyFile copies one file")
    with connected(task) as session:
        try:
            session.connection.sftp().put(source, destination)
        except OSError as error:
            raise CommandError(
                f"copying {source} to {destination}: {error} (CopyFile wants the path of a file in a folder that "
                "exists; CopyToRemote makes folders)"
            ) from error


def _named(source: Mapping[str, Any]) -> str:
    return str(source.get("path") or "a text")


def _copy_text(files: paramiko.SFTPClient, text: str, destination: str) -> None:
    if _is_folder(files, destination):
        raise CommandError(f"{destination} is a folder: give the path of the file that the text is to become")
    _make_folders(files, posixpath.dirname(destination))
    files.putfo(io.BytesIO(text.encode()), destination)


def _copy_path(files: paramiko.SFTPClient, source: str, destination: str) -> None:
    path = Path(source)
    if path.is_dir():
        inside = destination if source.endswith("/") else posixpath.join(destination, path.name)
        _copy_folder(files, path, inside)
        return
    if _is_folder(files, destination):
        destination = posixpath.join(destination, path.name)
    else:
        _make_folders(files, posixpath.dirname(destination))
    files.put(str(path), destination)


def _copy_folder(files: paramiko.SFTPClient, source: Path, destination: str) -> None:
    for folder, names, leaves in os.walk(source):
        names.sort()
        at = Path(folder)
        target = posixpath.normpath(posixpath.join(destination, at.relative_to(source).as_posix()))
        _make_folders(files, target)
        for leaf in sorted(leaves):
            files.put(str(at / leaf), posixpath.join(target, leaf))


def _make_folders(files: paramiko.SFTPClient, folder: str) -> None:
    if folder in ("", "/") or _is_folder(files, folder):
        return
    if _exists(files, folder):
        raise CommandError(f"{folder} is on the host, and it is no folder")
    _make_folders(files, posixpath.dirname(folder))
    files.mkdir(folder)


def _exists(files: paramiko.SFTPClient, path: str) -> bool:
    try:
        files.stat(path)
    except FileNotFoundError:
        return False
    return True


def _is_folder(files: paramiko.SFTPClient, path: str) -> bool:
    try:
        mode = files.stat(path).st_mode
    except FileNotFoundError:
        return False
    return mode is not None and stat.S_ISDIR(mode)
