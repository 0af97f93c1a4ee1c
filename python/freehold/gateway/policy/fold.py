"""One form for all ways to write the same text, so that a rule has to know only one.

Folded are: compatibility forms (full-width, circled, mathematical letters and digits: NFKC's table), digits of all
scripts to 0-9, dashes and spaces of all kinds, accents (taken off), what is not seen (zero-width characters, soft
hyphens, marks of direction, control characters), and escapes that are left when JSON stands inside JSON.
Not folded, so not found: base64 and other encodings of a text, letters of another script that look alike, images.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

SPACES = "\t\n\r "
UNSEEN_BYTES = bytes(code for code in [*range(32), 127] if chr(code) not in SPACES)
ESCAPE = re.compile(r"(?<!\\)\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
"""From the first backslash of a row: begun at each of them, a long row would be read once for each."""
GONE = {"Mn", "Me", "Cf", "Cc", "Cs"}
LIKE = {"Pd": "-", "Zs": " ", "Zl": "\n", "Zp": "\n"}


def folded(text: str) -> bytes:
    """Return the folded text in UTF-8. Takes time linear in the text."""
    if "\\" in text:
        text = ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    if not text.isascii():
        # Character by character: normalising a whole text sorts runs of accents, which a hostile one makes quadratic.
        text = text.translate({ord(one): _folded(one) for one in set(text) if not one.isascii()})
    return text.encode().translate(None, UNSEEN_BYTES)


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    return "".join(_plain(one) for one in unicodedata.normalize("NFKD", character))


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category in GONE and character not in SPACES:
        return ""
    if category == "Nd":
        return str(unicodedata.digit(character))
    return LIKE.get(category, character)
