"""The gRPC server of a service: its own servicers, OpsService, health, and reflection in the dev profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health_aio
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection, reflection_pb2

from chassis import auth
from chassis.call_batches import CallBatches
from chassis.interceptors import Chain

_OPTIONS = [
    ("grpc.max_receive_message_length", 1024 * 1024),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.so_reuseport", 0),
]
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Servicer:
    """A servicer with the contract it serves and the generated function that adds it."""

    contract: ServiceDescriptor
    implementation: Any
    add: Callable[[Any, grpc.aio.Server], None]


class _Pool:
    """Lets reflection describe a method: the Python pool finds services by name, but not their methods."""

    def __init__(self, inner: descriptor_pool.DescriptorPool) -> None:
        self._inner = inner

    def FindFileContainingSymbol(self, symbol: str) -> Any:
        try:
            return self._inner.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._inner.FindFileContainingSymbol(symbol.rpartition(".")[0])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class GrpcServer:
    """Serves on 127.0.0.1:`port`; port 0 takes a free one, which `start` returns."""

    def __init__(self, servicers: list[Servicer], verifier: auth.TokenVerifier, *, port: int, reflect: bool) -> None:
        self._server = grpc.aio.server(options=_OPTIONS)
        self._health = health_aio.HealthServicer()
        self._names = [servicer.contract.full_name for servicer in servicers]
        add_HealthServicer_to_server(self._health, self._server)
        chain, guarded = Chain(verifier), dict[str, Any]()
        for servicer in servicers:
            guard = cast(grpc.aio.Server, _Guard(self._server, servicer.contract, chain, guarded))
            servicer.add(servicer.implementation, guard)
        self._server.add_generic_rpc_handlers((CallBatches(guarded).generic_handler(),))
        if reflect:
            _add_reflection(self._server, [*self._names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name])
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")

    async def start(self) -> int:
        """Serve; return the port."""
        await self._server.start()
        for name in ("", *self._names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return self.port

    async def stop(self) -> None:
        """Say NOT_SERVING, refuse new calls, and let those under way finish for 5 s."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(STOP_SECONDS)


class _Guard:
    """Stands for the server while a servicer adds itself, so that its methods get in behind the chain only."""

    def __init__(self, server: grpc.aio.Server, contract: ServiceDescriptor, chain: Chain, handlers: dict[str, Any]) -> None:
        self._server = server
        self._contract = contract
        self._chain = chain
        self._handlers = handlers

    def add_registered_method_handlers(self, name: str, handlers: Mapping[str, Any]) -> None:
        guarded = self._chain.around(self._contract, handlers)
        self._handlers |= {f"/{name}/{method}": handler for method, handler in guarded.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, guarded),))

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """The generated code says the same twice; the other way names the methods."""


def _add_reflection(server: grpc.aio.Server, names: list[str]) -> None:
    """Serve reflection v1alpha and v1, which are the same on the wire (the library knows v1alpha only)."""
    pool = cast(descriptor_pool.DescriptorPool, _Pool(descriptor_pool.Default()))
    names = [*names, reflection.SERVICE_NAME]
    reflection.enable_server_reflection(names, server, pool=pool)
    servicer = reflection.aio.ReflectionServicer(names, pool=pool)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("grpc.reflection.v1.ServerReflection", {"ServerReflectionInfo": handler}),)
    )
