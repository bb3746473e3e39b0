"""The gRPC channels to the services, one each, and the calls of their methods."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import grpc

from atlas.common.v1 import options_pb2
from chassis.call_batches import METHOD, SERVICE
from chassis.rest.call_batcher import Call, CallBatcher, LoneCall, SharedCall
from chassis.rest.routes import Route

MAX_ANSWER = 16 * 1024 * 1024  # 200 orders of 500 lines; what goes in is bounded by the body's limit
_REPEATABLE = (
    options_pb2.IDEMPOTENCY_NO_SIDE_EFFECTS,
    options_pb2.IDEMPOTENCY_KEYED,
    options_pb2.IDEMPOTENCY_BY_MESSAGE,
)


class Upstreams:
    """Where the services are. Channels connect by themselves, again and again, so a service may come later."""

    def __init__(self, addresses: Mapping[str, str], routes: Iterable[Route]) -> None:
        self._addresses = dict(addresses)
        self._options = _channel_options(routes)
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._batchers: dict[str, CallBatcher] = {}
        self._calls: dict[tuple[str, str, bool], Call] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the upstreams."""
        return tuple(self._addresses)

    async def open(self) -> None:
        """Make the channels, on the running loop, and start connecting."""
        for name, address in self._addresses.items():
            channel = grpc.aio.insecure_channel(address, options=self._options)
            channel.get_state(try_to_connect=True)
            self._channels[name] = channel
            self._batchers[name] = CallBatcher(channel)

    async def close(self) -> None:
        """Close every channel, letting calls under way end."""
        for channel in self._channels.values():
            await channel.close(grace=5)
        self._channels.clear()
        self._batchers.clear()
        self._calls.clear()

    def is_connected(self, name: str) -> bool:
        """Whether the channel to a service is up just now."""
        channel = self._channels.get(name)
        return channel is not None and channel.get_state() == grpc.ChannelConnectivity.READY

    def call(self, name: str, route: Route, *, shared: bool) -> Call | None:
        """Return the call of a route at one upstream, alone or shared with others; None when there is no such upstream."""
        key = (name, route.full_method, shared)
        found = self._calls.get(key)
        if found is None and (channel := self._channels.get(name)):
            lone = LoneCall(channel, route.full_method, route.request, route.response)
            found = self._calls[key] = SharedCall(lone, self._batchers[name]) if shared else lone
        return found


def _channel_options(routes: Iterable[Route]) -> list[tuple[str, str | int]]:
    return [
        ("grpc.service_config", _service_config(routes)),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1_000),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.max_receive_message_length", MAX_ANSWER),
        ("grpc.enable_http_proxy", 0),
    ]


def _service_config(routes: Iterable[Route]) -> str:
    """Repeat what may be repeated, and only when the service was away. Deadlines are set on each call instead."""
    names = [
        {"service": route.rpc.containing_service.full_name, "method": route.rpc.name}
        for route in routes
        if route.policy.idempotency in _REPEATABLE
    ]
    names.append({"service": SERVICE, "method": METHOD})  # of keyed calls alone
    unique = list({(name["service"], name["method"]): name for name in names}.values())
    retry = {
        "maxAttempts": 3,
        "initialBackoff": "0.05s",
        "maxBackoff": "0.5s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return json.dumps({"methodConfig": [{"name": unique, "retryPolicy": retry}]})
