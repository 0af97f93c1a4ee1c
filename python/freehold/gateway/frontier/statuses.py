"""What a provider's status means to us."""

from __future__ import annotations

CLIENTS = frozenset({400, 413, 415, 422})
"""The client's own: the body is at fault, and a retry would be refused as well."""

OURS = frozenset({401, 402, 403, 404, 405})
"""The owner's: a key that is not good, an account without money, a model or a path that is not there."""

TIMED_OUT, FIRST_CLIENT_ERROR, FIRST_SERVER_ERROR = 408, 400, 500
TOO_BUSY = frozenset({503, 529})


def free(status: int) -> bool:
    """Tell whether the provider says that nothing was generated; any other failure may have been, and is paid for."""
    return status in TOO_BUSY or (FIRST_CLIENT_ERROR <= status < FIRST_SERVER_ERROR and status != TIMED_OUT)
