"""What reached the lab's operator."""

from __future__ import annotations

import email
from email.message import Message
from pathlib import Path


def mails(box: Path) -> list[Message]:
    """Every mail, first to last."""
    return [email.message_from_bytes(path.read_bytes()) for path in sorted((box / "mail").glob("*.eml"))]
