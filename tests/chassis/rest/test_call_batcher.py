"""What waits for one service is sent together, each call with its own answer; nothing waits for a batch to fill."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from chassis.call_batches import CallBatches
from chassis.rest import call_batcher
from chassis.rest.call_batcher import CallBatcher, LoneCall, SharedCall
from chassis.rest.problem import Refused
from deploy.local import free_base
from tests.chassis.bench import DEADLINE_SECONDS

SAY = "/test.Echo/Say"


@dataclass
class Echo:
    """A service with one method; it notes how many calls came together, and waits while its gate is closed."""

    sizes: list[int] = field(default_factory=list)
    alone: int = 0
    entered: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self, request: StringValue, context: Any) -> StringValue:
        """Echo, with metadata; some words are refused."""
        self.entered += 1
        await self.gate.wait()
        metadata = {str(key): value for key, value in context.invocation_metadata()}
        if request.value == "bad":
            await context.abort_with_status(_Status(grpc.StatusCode.NOT_FOUND, "no such word", (("why-bin", b"\xff"),)))
        context.set_trailing_metadata((("said", request.value[:9]),))
        return StringValue(value=f"{request.value} {metadata['name']}")

    def handler(self) -> Any:
        """The method's handler."""
        return grpc.unary_unary_rpc_method_handler(self.say, StringValue.FromString, StringValue.SerializeToString)


@dataclass
class _Status(grpc.Status):
    code: grpc.StatusCode
    details: str
    trailing_metadata: Any


class _Counting(CallBatches):
    def __init__(self, echo: Echo) -> None:
        super().__init__({SAY: echo.handler()})
        self._echo = echo

    async def _run(self, batch: Any, context: Any) -> Any:
        self._echo.sizes.append(len(batch.calls))
        return await super()._run(batch, context)


@contextlib.asynccontextmanager
async def _served(echo: Echo, *, batches: bool = True) -> AsyncIterator[SharedCall]:
    async def alone(request: StringValue, context: Any) -> StringValue:
        echo.alone += 1
        return await echo.say(request, context)

    handler = grpc.unary_unary_rpc_method_handler(alone, StringValue.FromString, StringValue.SerializeToString)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Say": handler}),))
    if batches:
        server.add_generic_rpc_handlers((_Counting(echo).generic_handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with _client(port) as call:
        yield call
    await server.stop(None)


@contextlib.asynccontextmanager
async def _client(port: int) -> AsyncIterator[SharedCall]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield SharedCall(LoneCall(channel, SAY, StringValue, StringValue), CallBatcher(channel))


def _say(call: SharedCall, word: str, timeout: float = 10) -> asyncio.Task[Any]:
    return asyncio.create_task(call(StringValue(value=word), [("name", word[:9])], timeout))


async def _held(call: SharedCall, echo: Echo) -> list[asyncio.Task[Any]]:
    """Let as many calls as may be under way wait at the service."""
    tasks = []
    for number in range(call_batcher.UNDER_WAY):
        tasks.append(_say(call, f"first-{number}"))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while echo.entered <= number:
                await asyncio.sleep(0.01)
    return tasks


async def _queued(call: SharedCall, count: int) -> None:
    """Wait until so many calls wait in the gateway."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(call._batcher._waiting) < count:
            await asyncio.sleep(0.001)


async def test_a_call_that_is_alone_travels_as_itself_and_at_once() -> None:
    echo = Echo()
    echo.gate.set()
    async with _served(echo) as call:
        answer, trailing = await _say(call, "hello")
    assert (answer.value, trailing) == ("hello hello", [("said", "hello")])
    assert (echo.alone, echo.sizes) == (1, [])


async def test_what_waits_travels_together_and_each_gets_its_own_answer() -> None:
    echo = Echo()
    async with _served(echo) as call:
        held = await _held(call, echo)
        words = [f"word-{number}" for number in range(20)]
        words[7] = "bad"
        tasks = [_say(call, word) for word in words]
        await _queued(call, 20)
        echo.gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*held)
    for word, answer in zip(words, answers, strict=True):
        if word == "bad":
            assert isinstance(answer, grpc.aio.AioRpcError)
            assert (answer.code(), answer.details()) == (grpc.StatusCode.NOT_FOUND, "no such word")
            assert dict(answer.trailing_metadata()) == {"why-bin": b"\xff"}
        else:
            assert not isinstance(answer, BaseException)
            assert (answer[0].value, answer[1]) == (f"{word} {word}", [("said", word)])
    assert (echo.alone, echo.sizes) == (len(held), [20])


async def test_a_batch_has_so_many_calls_and_bytes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_batcher, "MAX_CALLS", 4)
    monkeypatch.setattr(call_batcher, "MAX_BYTES", 1_000)
    echo = Echo()
    async with _served(echo) as call:
        held = await _held(call, echo)
        tasks = [_say(call, f"{number}") for number in range(10)]
        tasks += [_say(call, f"{number}" * 600) for number in range(2)]
        await _queued(call, 12)
        echo.gate.set()
        await asyncio.gather(*tasks, *held)
    assert sorted(echo.sizes) == [3, 4, 4]
    assert echo.alone == len(held) + 1


async def test_metadata_count_among_the_bytes_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_batcher, "MAX_BYTES", 1_000)
    echo = Echo()
    async with _served(echo) as call:
        held = await _held(call, echo)
        metadata = [("name", "word"), ("authorization", "t" * 400)]
        tasks = [asyncio.create_task(call(StringValue(value="word"), metadata, 10)) for _ in range(4)]
        await _queued(call, 4)
        echo.gate.set()
        await asyncio.gather(*tasks, *held)
    assert echo.sizes == [2, 2]


async def test_a_service_that_knows_no_batches_gets_them_one_by_one() -> None:
    echo = Echo()
    async with _served(echo, batches=False) as call:
        held = await _held(call, echo)
        tasks = [_say(call, f"word-{number}") for number in range(5)]
        await _queued(call, 5)
        echo.gate.set()
        answers = await asyncio.gather(*tasks, *held)
        later = await _say(call, "later")
    assert [answer.value for answer, _ in answers[:5]] == [f"word-{number} word-{number}" for number in range(5)]
    assert later[0].value == "later later"
    assert echo.alone == 5 + len(held) + 1


async def test_a_service_that_is_away_fails_every_call() -> None:
    async with _client(free_base()) as call:
        answers = await asyncio.gather(*[_say(call, "word") for _ in range(5)], return_exceptions=True)
    assert [answer.code() for answer in answers] == [grpc.StatusCode.UNAVAILABLE] * 5  # type: ignore[union-attr]


async def test_a_service_that_hangs_lets_every_call_end_in_its_time() -> None:
    echo = Echo()
    async with _served(echo) as call:
        tasks = [_say(call, f"word-{number}", timeout=0.3) for number in range(9)]
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        echo.gate.set()
    assert [answer.code() for answer in answers] == [grpc.StatusCode.DEADLINE_EXCEEDED] * 9  # type: ignore[union-attr]


async def test_a_caller_that_has_gone_is_not_sent() -> None:
    echo = Echo()
    async with _served(echo) as call:
        held = await _held(call, echo)
        gone, stays = _say(call, "gone"), [_say(call, "stays") for _ in range(2)]
        await _queued(call, 3)
        gone.cancel()
        await asyncio.wait([gone])
        echo.gate.set()
        await asyncio.gather(*stays, *held)
    assert echo.sizes == [2]


async def test_too_many_that_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_batcher, "MAX_WAITING", 3)
    echo = Echo()
    async with _served(echo) as call:
        held = await _held(call, echo)
        tasks = [_say(call, "word") for _ in range(4)]
        with pytest.raises(Refused) as caught:
            await tasks[3]
        echo.gate.set()
        await asyncio.gather(*tasks[:3], *held)
    assert caught.value.problem.reason == "OVERLOADED"
