"""One thread with its own connection to the ledger: what it is asked to do is done in order, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class LedgerThread:
    """``close`` waits for what was asked for."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def now(self, work: Callable[..., T], *args: Any) -> T:
        """Do it and wait: for before and after the event loop."""
        return self._pool.submit(work, *args).result()

    async def do(self, work: Callable[..., T], *args: Any) -> T:
        """Do it while the event loop goes on. What was begun is finished, whoever is cancelled meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    def close(self, last: Callable[[], None]) -> None:
        """Do one thing more, and end."""
        self._pool.submit(last)
        self._pool.shutdown(wait=True)
