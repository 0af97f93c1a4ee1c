"""Ways to a server that do not simply work: one that opens at the third knock, one that never does."""

from __future__ import annotations

import socket
import threading
from types import TracebackType


class LateDoor:
    """Forwards to ``port`` from the third connection on; the first two are closed at once."""

    def __init__(self, port: int, *, refusals: int = 2) -> None:
        self._to = ("127.0.0.1", port)
        self._refusals = refusals
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.knocks = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            self.knocks += 1
            if self.knocks <= self._refusals:
                visitor.close()
                continue
            server = socket.create_connection(self._to)
            for source, sink in ((visitor, server), (server, visitor)):
                threading.Thread(target=_forward, args=(source, sink), daemon=True).start()

    def close(self) -> None:
        self._listener.close()


def _forward(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


class ShutDoor:
    """A port whose queue of unaccepted connections is full: the kernel leaves a new one without an answer."""

    def __enter__(self) -> int:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self._waiting = [socket.socket() for _ in range(4)]
        for one in self._waiting:
            one.settimeout(0)
            one.connect_ex(self._listener.getsockname())
        return int(self._listener.getsockname()[1])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._listener, *self._waiting):
            one.close()
