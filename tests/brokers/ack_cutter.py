"""A wire between a Kafka client and a broker that can be cut just after the broker has taken a batch, before it says so.

The broker's answers name its own address; the wire writes its own in its place, so that the client keeps to the wire.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from types import TracebackType

from deploy.local.ports import LOCALHOST

PRODUCE = 0


class AckCutter:
    """Listens on a port of its own. `cuts` is how many acknowledgements are still to be lost."""

    def __init__(self, bootstrap: str) -> None:
        self._port = int(bootstrap.rpartition(":")[2])
        self._server = socket.create_server((LOCALHOST, 0))
        own = self._server.getsockname()[1]
        self.bootstrap = f"{LOCALHOST}:{own}"
        self.cuts = 0
        self.lost = 0
        self._told = (LOCALHOST.encode() + struct.pack(">i", self._port), LOCALHOST.encode() + struct.pack(">i", own))
        self._open: list[socket.socket] = []

    def __enter__(self) -> AckCutter:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for each in (self._server, *self._open):
            _shut(each)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._server.accept()[0]
                broker = socket.create_connection((LOCALHOST, self._port))
                self._open += [client, broker]
                threading.Thread(target=self._carry, args=(client, broker), daemon=True).start()

    def _carry(self, client: socket.socket, broker: socket.socket) -> None:
        """Carry requests over, and answers back on a thread of their own."""
        asked: dict[int, int] = {}
        threading.Thread(target=self._answer, args=(client, broker, asked), daemon=True).start()
        with contextlib.suppress(OSError, EOFError):
            while True:
                frame = _frame(client)
                kind, _version, number = struct.unpack(">hhi", frame[4:12])
                asked[number] = kind
                broker.sendall(frame)
        _shut(client)
        _shut(broker)

    def _answer(self, client: socket.socket, broker: socket.socket, asked: dict[int, int]) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                frame = _frame(broker)
                (number,) = struct.unpack(">i", frame[4:8])
                if asked.pop(number) == PRODUCE and self.cuts:
                    self.cuts -= 1
                    self.lost += 1
                    break
                client.sendall(frame.replace(*self._told))
        _shut(client)
        _shut(broker)


def _frame(source: socket.socket) -> bytes:
    """One message of the protocol, with the length in front of it. EOFError at the end."""
    head = _exactly(source, 4)
    return head + _exactly(source, struct.unpack(">i", head)[0])


def _exactly(source: socket.socket, count: int) -> bytes:
    read = b""
    while len(read) < count:
        if not (part := source.recv(count - len(read))):
            raise EOFError
        read += part
    return read


def _shut(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
