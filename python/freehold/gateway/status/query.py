"""What may be asked of the status page. What is passed on is written anew from what was understood."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

from freehold.gateway.refusals import RefusalError, malformed

FORMS = {
    "range": re.compile(r"[0-9]{1,4}[smhdw]"),
    "view": re.compile(r"[a-z][a-z0-9_-]{0,31}"),
    "node": re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}"),
}
"""Which ranges, views and nodes there are is the report service's to know."""

EXAMPLES = "range=24h, view=cost, node=gpu1"


def canonical(raw: bytes) -> str:
    """The query of a request as it is passed on, one text for each meaning. Raises a refusal (400)."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=len(FORMS))
    except ValueError as error:  # not ASCII, or more parameters than there are
        raise _bad() from error
    given = dict(pairs)
    if len(given) < len(pairs) or not given.keys() <= FORMS.keys():
        raise _bad()
    said = {name: value for name, value in sorted(given.items()) if value}
    if not all(FORMS[name].fullmatch(value) for name, value in said.items()):
        raise _bad()
    return urlencode(said)


def _bad() -> RefusalError:
    text = f"The status page may be asked for {', '.join(FORMS)}, each once: {EXAMPLES}."
    return malformed(text, reason="status_query", param="query")
