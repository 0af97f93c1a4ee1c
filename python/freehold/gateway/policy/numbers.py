"""Numbers that prove themselves: payment cards (Luhn) and bank accounts (IBAN, modulo 97)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from freehold.gateway.policy.rule import Steps

GROUP = re.compile(rb"[0-9]+")
SHORTEST, LONGEST = 13, 19
SHORTEST_GROUP = 3

# ISO/IEC 7812 prefixes and lengths as the networks publish them (2026): first digits from, to, lengths.
CARDS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (4, 4, (13, 16, 19)),  # Visa
    (51, 55, (16,)),  # Mastercard
    (2221, 2720, (16,)),
    (34, 34, (15,)),  # American Express
    (37, 37, (15,)),
    (300, 305, (14, 16, 19)),  # Diners Club
    (3095, 3095, (14, 16, 19)),
    (36, 36, (14, 16, 19)),
    (38, 39, (14, 16, 19)),
    (6011, 6011, (16, 19)),  # Discover
    (644, 649, (16, 19)),
    (65, 65, (16, 19)),
    (3528, 3589, (16, 17, 18, 19)),  # JCB
    (62, 62, (16, 17, 18, 19)),  # UnionPay
    (81, 82, (16,)),  # RuPay
    (2200, 2204, (16, 17, 18, 19)),  # Mir
    (9792, 9792, (16,)),  # Troy
    (5018, 5018, (13, 14, 15, 16, 17, 18, 19)),  # Maestro
    (5020, 5020, (13, 14, 15, 16, 17, 18, 19)),
    (5038, 5038, (13, 14, 15, 16, 17, 18, 19)),
    (6304, 6304, (13, 14, 15, 16, 17, 18, 19)),
    (6759, 6763, (13, 14, 15, 16, 17, 18, 19)),
)

# The lengths of the IBAN registry (SWIFT, release 99), by the first two letters.
IBAN_LENGTHS = {
    word[:2]: int(word[2:])
    for word in (
        b"AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 "
        b"EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 "
        b"IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 "
        b"NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 "
        b"SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 "
    ).split()
}
IBAN_ROOM = 34 * 3


def cards(text: bytes, match: Any, steps: Steps) -> int:
    """Count the cards in a run of digits with separators."""
    groups = GROUP.findall(text[match.start() : match.end()])
    steps.take(len(groups))
    return sum(_is_card(number, steps) for number in _candidates(groups))


def _candidates(groups: list[bytes]) -> Iterator[bytes]:
    """Yield the whole run, and each row of groups in it: numbers of one or two digits beside each other are tables."""
    whole = b"".join(groups) if sum(map(len, groups)) <= LONGEST else b""
    if len(groups) > 1 and whole:
        yield whole
    for first in range(len(groups)):
        number = b""
        for group in groups[first : first + LONGEST]:
            number += group
            if len(group) < SHORTEST_GROUP or len(number) > LONGEST:
                break
            if number != whole or len(groups) == 1:
                yield number


def _is_card(number: bytes, steps: Steps) -> bool:
    steps.take()
    if not SHORTEST <= len(number) <= LONGEST:
        return False
    known = any(low <= int(number[: len(str(low))]) <= high and len(number) in sizes for low, high, sizes in CARDS)
    return known and _luhn(number)


def _luhn(number: bytes) -> bool:
    digits = [byte - ord("0") for byte in reversed(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def iban(text: bytes, match: Any, steps: Steps) -> int:
    """Tell whether an account number begins where the match does."""
    steps.take()
    start = match.start(1)
    wanted = IBAN_LENGTHS.get(text[start : start + 2].upper())
    if wanted is None:
        return 0
    number, after = _gathered(text[start : start + IBAN_ROOM], wanted)
    if len(number) < wanted or after.isalnum():
        return 0
    steps.take()
    moved = number[4:] + number[:4]
    return int(int("".join(str(int(chr(byte), 36)) for byte in moved)) % 97 == 1)


def _gathered(text: bytes, wanted: int) -> tuple[bytes, bytes]:
    """Return ``wanted`` letters and digits from the front, over single spaces and hyphens, and the byte after them."""
    number = bytearray()
    for place in range(len(text)):
        byte = text[place : place + 1]
        if len(number) == wanted:
            return bytes(number), byte
        if byte.isalnum():
            number += byte.upper()
        elif byte not in b" -" or text[place - 1 : place] in b" -":
            break
    return bytes(number), b""
