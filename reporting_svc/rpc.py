"""The gRPC servicer of reports."""

from __future__ import annotations

from typing import Any

import grpc.aio

from atlas.reporting.v1 import report_pb2, reporting_service_pb2, reporting_service_pb2_grpc, timeline_pb2
from chassis.application import Edge
from chassis.grpc_server import Servicer
from reporting_svc.queries import Reports

Context = grpc.aio.ServicerContext[Any, Any]


class ReportingServicer(reporting_service_pb2_grpc.ReportingServiceServicer):
    """Serves atlas.reporting.v1.ReportingService."""

    def __init__(self, edge: Edge) -> None:
        self._queries = edge.queries
        self._reports = Reports(edge.pager, edge.service.clock)

    async def GetTimeline(self, request: timeline_pb2.GetTimelineRequest, context: Context) -> timeline_pb2.GetTimelineResponse:
        """Read the timeline of one order."""
        return await self._queries.run(self._reports.get_timeline, request)

    async def ListOrderSummaries(
        self, request: report_pb2.ListOrderSummariesRequest, context: Context
    ) -> report_pb2.ListOrderSummariesResponse:
        """List orders with their state and facts."""
        return await self._queries.run(self._reports.list_order_summaries, request)


def servicers(edge: Edge) -> list[Servicer]:
    """Return the servicers of this service."""
    contract = reporting_service_pb2.DESCRIPTOR.services_by_name["ReportingService"]
    return [Servicer(contract, ReportingServicer(edge), reporting_service_pb2_grpc.add_ReportingServiceServicer_to_server)]
