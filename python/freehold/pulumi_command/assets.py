"""Files that a command left, as Pulumi's assets and archives: a path and a digest, not the contents.

The digest is the one that Pulumi's engine computes itself, so that an output which feeds an input counts as changed
only when the files did. For an archive it is that of a tar with nothing but names and contents, in the names' order.
Names beyond the tar header's (100 bytes, or 255 with a break at a folder) or outside ASCII get a digest of our own.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from freehold.pulumi_command import globs, wire
from freehold.pulumi_command.work import CommandError

READ_BYTES = 1024 * 1024

# Places in a tar header.
CHECKSUM = slice(148, 156)
DEVICE_NUMBERS = slice(329, 345)


def collect(inputs: Mapping[str, Any]) -> dict[str, wire.Tree]:
    """The outputs that `assetPaths` and `archivePaths` ask for. Raises :class:`CommandError`."""
    folder = inputs.get("dir") or str(Path.cwd())
    asset_rules, archive_rules = inputs.get("assetPaths"), inputs.get("archivePaths")
    found: dict[str, wire.Tree] = {}
    try:
        if asset_rules is not None:
            found["assets"] = _assets(folder, asset_rules)
        if archive_rules is not None:
            found["archive"] = _archive(_assets(folder, archive_rules))
    except (OSError, globs.GlobError) as error:
        raise CommandError(f"the command ended well, but what it left cannot be read: {error}") from error
    return found


def _assets(folder: str, rules: Sequence[str]) -> dict[str, wire.Tree]:
    return {name: _asset(posixpath.join(folder, name)) for name in globs.chosen(sorted(_files(folder)), rules)}


def _files(folder: str, within: str = "") -> Iterator[str]:
    """Every file below the folder, by its path from there; links are not followed, they count as what they point to."""
    with os.scandir(posixpath.join(folder, within)) as entries:
        for entry in entries:
            name = posixpath.join(within, entry.name)
            if entry.is_dir(follow_symlinks=False):
                yield from _files(folder, name)
            else:
                yield name


def _asset(path: str) -> wire.Tree:
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    return {wire.SIGNATURE: wire.ASSET, "path": posixpath.normpath(path), "hash": digest.hexdigest()}


def _archive(assets: Mapping[str, wire.Tree]) -> wire.Tree:
    digest = hashlib.sha256()
    for name in sorted(assets, key=str.encode):
        for block in _member(name, assets[name]["path"]):
            digest.update(block)
    digest.update(bytes(2 * tarfile.BLOCKSIZE))
    return {wire.SIGNATURE: wire.ARCHIVE, "assets": dict(assets), "hash": digest.hexdigest()}


def _member(name: str, path: str) -> Iterator[bytes]:
    size = Path(path).stat().st_size
    yield _header(name, size)
    yield from _blocks(path)
    yield bytes(-size % tarfile.BLOCKSIZE)


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.mode, member.size = 0o600, size
    try:
        header = bytearray(member.tobuf(tarfile.USTAR_FORMAT, encoding="ascii", errors="strict"))
    except ValueError:  # too long, or not ASCII
        return member.tobuf(tarfile.PAX_FORMAT)
    # Go writes the numbers of a device for every kind of file, Python for devices only.
    header[DEVICE_NUMBERS] = 2 * b"0000000\0"
    header[CHECKSUM] = b" " * 8
    header[CHECKSUM] = b"%06o\0 " % sum(header)
    return bytes(header)


def _blocks(path: str) -> Iterator[bytes]:
    with Path(path).open("rb") as file:
        while block := file.read(READ_BYTES):
            yield block
