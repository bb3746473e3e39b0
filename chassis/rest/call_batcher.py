"""Calls that wait for the same service travel together. A call that waits alone travels as itself."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
import grpc.aio
from google.protobuf.message import Message

from atlas.common.v1.call_batch_pb2 import CallBatch, CallBatchReply
from chassis.call_batches import MAX_CALLS, METHOD, SERVICE, unpacked
from chassis.coalescer import settle
from chassis.rest.problem import Problem, Refused

UNDER_WAY = 2  # one that is served, and one that is there when that is done
MAX_BYTES = 512 * 1024  # half of what a service takes
MAX_WAITING = 2_000
ALONE_SECONDS = 60.0

Metadata = Sequence[tuple[str, str]]
Answer = tuple[Message, Sequence[tuple[str, str | bytes]]]
"""The response and the trailing metadata."""


class Call(Protocol):
    """One method at one service. Raises grpc.aio.AioRpcError."""

    method: str

    async def __call__(self, request: Message, metadata: Metadata, timeout: float) -> Answer:
        """Call it; `timeout` is in seconds."""


class LoneCall:
    """A call that travels as itself."""

    def __init__(self, channel: grpc.aio.Channel, method: str, request: type[Message], response: type[Message]) -> None:
        self.method = method
        self.response = response
        self._rpc = channel.unary_unary(
            method, request_serializer=request.SerializeToString, response_deserializer=response.FromString
        )

    async def __call__(self, request: Message, metadata: Metadata, timeout: float) -> Answer:
        """Call it."""
        rpc = self._rpc(request, metadata=metadata, timeout=timeout)
        response = await rpc
        return response, list(await rpc.trailing_metadata())


class SharedCall:
    """A call that travels with others, where others wait."""

    def __init__(self, lone: LoneCall, batcher: CallBatcher) -> None:
        self.method = lone.method
        self._lone = lone
        self._batcher = batcher

    async def __call__(self, request: Message, metadata: Metadata, timeout: float) -> Answer:
        """Call it, together with what else waits."""
        return await self._batcher.submit(self._lone, request, metadata, timeout)


@dataclass(slots=True)
class _Waiting:
    lone: LoneCall
    request: Message
    metadata: Metadata
    deadline: float
    answer: asyncio.Future[Answer]

    @property
    def timeout(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    @property
    def size(self) -> int:
        """Bytes it takes in a batch, about: metadata count as well, since tokens may be large."""
        return self.request.ByteSize() + sum(len(name) + len(value) for name, value in self.metadata)

    def packed(self) -> CallBatch.Call:
        return CallBatch.Call(method=self.lone.method, metadata=dict(self.metadata), request=self.request.SerializeToString())

    def unpacked(self, reply: CallBatchReply.Reply) -> Answer | Exception:
        trailing = unpacked(reply.trailing_metadata)
        return _error(reply, trailing) if reply.code else (self.lone.response.FromString(reply.response), trailing)


class CallBatcher:
    """Sends what waits for one service, as soon as fewer than `UNDER_WAY` batches are there. It waits for no batch to fill."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._run = channel.unary_unary(
            f"/{SERVICE}/{METHOD}",
            request_serializer=CallBatch.SerializeToString,
            response_deserializer=CallBatchReply.FromString,
        )
        self._waiting: deque[_Waiting] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._alone_until = 0.0

    async def submit(self, lone: LoneCall, request: Message, metadata: Metadata, timeout: float) -> Answer:
        """Call together with others; a service that knows no batches is called alone. Refused where too many wait."""
        if time.monotonic() < self._alone_until:
            return await lone(request, metadata, timeout)
        if len(self._waiting) >= MAX_WAITING:
            raise Refused(Problem("OVERLOADED"))
        loop = asyncio.get_running_loop()
        waiting = _Waiting(lone, request, metadata, time.monotonic() + timeout, loop.create_future())
        self._waiting.append(waiting)
        loop.call_soon(self._send_more)  # after what else has arrived in this turn of the loop
        return await waiting.answer

    def _send_more(self, _done: object = None) -> None:
        while len(self._under_way) < UNDER_WAY and (batch := self._take()):
            task = asyncio.create_task(self._send(batch))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            task.add_done_callback(self._send_more)

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < MAX_CALLS:
            size += self._waiting[0].size
            if batch and size > MAX_BYTES:
                break
            waiting = self._waiting.popleft()
            if not waiting.answer.done():  # else its caller has gone
                batch.append(waiting)
        return batch

    async def _send(self, batch: Sequence[_Waiting]) -> None:
        try:
            if len(batch) > 1 and await self._together(batch):
                return
            await asyncio.gather(*map(_alone, batch))
        except Exception as error:
            for waiting in batch:
                settle(waiting.answer, error)

    async def _together(self, batch: Sequence[_Waiting]) -> bool:
        """Send a batch as one call. Returns False where the service knows no batches."""
        calls = CallBatch(calls=[waiting.packed() for waiting in batch])
        try:
            reply = await self._run(calls, timeout=max(waiting.timeout for waiting in batch))
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.UNIMPLEMENTED:
                raise
            self._alone_until = time.monotonic() + ALONE_SECONDS
            return False
        for waiting, own in zip(batch, reply.replies, strict=True):
            settle(waiting.answer, waiting.unpacked(own))
        return True


async def _alone(waiting: _Waiting) -> None:
    try:
        settle(waiting.answer, await waiting.lone(waiting.request, waiting.metadata, waiting.timeout))
    except Exception as error:
        settle(waiting.answer, error)


_CODES = {code.value[0]: code for code in grpc.StatusCode}


def _error(reply: CallBatchReply.Reply, trailing: Sequence[tuple[str, Any]]) -> grpc.aio.AioRpcError:
    code = _CODES.get(reply.code, grpc.StatusCode.UNKNOWN)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details=reply.details)
