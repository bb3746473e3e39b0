"""Calls that came together: each passes the chain and is answered as if it had come alone (ADR 0018)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from atlas.common.v1.call_batch_pb2 import CallBatch, CallBatchReply

SERVICE, METHOD = "atlas.common.v1.CallBatches", "Run"
MAX_CALLS = 64
Trailing = Iterable[tuple[str, str | bytes]]


class CallBatches:
    """Serves batches of the calls that `handlers` serve, by their full method names."""

    def __init__(self, handlers: Mapping[str, Any]) -> None:
        self._handlers = handlers

    def generic_handler(self) -> grpc.GenericRpcHandler:
        """Return what a server adds."""
        run = grpc.unary_unary_rpc_method_handler(
            cast(Any, self._run),
            request_deserializer=CallBatch.FromString,
            response_serializer=CallBatchReply.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {METHOD: run})

    async def _run(self, batch: CallBatch, context: grpc.aio.ServicerContext[Any, Any]) -> CallBatchReply:
        if len(batch.calls) > MAX_CALLS:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"a batch has at most {MAX_CALLS} calls")
        return CallBatchReply(replies=await asyncio.gather(*map(self._reply, batch.calls)))

    async def _reply(self, call: CallBatch.Call) -> CallBatchReply.Reply:
        handler = self._handlers.get(call.method)
        if handler is None:
            return _failed(grpc.StatusCode.UNIMPLEMENTED, "there is no such method")
        try:
            request = handler.request_deserializer(call.request)
        except DecodeError:
            return _failed(grpc.StatusCode.INTERNAL, "the request cannot be read")
        context = _CallContext(call.metadata)
        try:
            response = await handler.unary_unary(request, context)
        except grpc.aio.AbortError:
            return context.failure()
        return CallBatchReply.Reply(
            response=handler.response_serializer(response), trailing_metadata=_packed(context.trailing_metadata())
        )


class _CallContext:
    """What a servicer sees of one call: as much of the library's context as the chain and the servicers use."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        self._metadata = tuple(metadata.items())
        self._trailing: Trailing = ()
        self._status: grpc.Status | None = None

    def invocation_metadata(self) -> Sequence[tuple[str, str]]:
        return self._metadata

    def trailing_metadata(self) -> Trailing:
        return self._trailing

    def set_trailing_metadata(self, metadata: Trailing) -> None:
        self._trailing = metadata

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        self._status = status
        raise grpc.aio.AbortError

    def code(self) -> grpc.StatusCode | None:
        return self._status.code if self._status else None

    def failure(self) -> CallBatchReply.Reply:
        """Say how the call was aborted."""
        if self._status is None:
            return _failed(grpc.StatusCode.UNKNOWN, "")
        return _failed(self._status.code, self._status.details, self._status.trailing_metadata or ())


def _failed(code: grpc.StatusCode, details: str, trailing: Trailing = ()) -> CallBatchReply.Reply:
    number, _name = code.value
    return CallBatchReply.Reply(code=number, details=details, trailing_metadata=_packed(trailing))


def _packed(metadata: Trailing) -> dict[str, bytes]:
    return {name: value if isinstance(value, bytes) else value.encode() for name, value in metadata}


def unpacked(metadata: Mapping[str, bytes]) -> list[tuple[str, str | bytes]]:
    """Return trailing metadata of a reply as the library gives it."""
    return [(name, value if name.endswith("-bin") else value.decode()) for name, value in metadata.items()]
