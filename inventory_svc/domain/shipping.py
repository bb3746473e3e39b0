"""Moves held stock out when a shipment of it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from inventory_svc.domain.backorder import Stock
from inventory_svc.domain.events import ShippedLine, StockShipped
from inventory_svc.domain.reservation import Reservation, Shipment
from inventory_svc.domain.stock import Movement, MovementReason, Source, StockItem, movement_to


@dataclass(slots=True)
class Shipping:
    """Ships what a reservation holds. `new_id` names movements; `cause_id` is what made it ship."""

    reservation: Reservation
    stock: Stock
    new_id: Callable[[], str]
    cause_id: str
    movements: list[Movement] = field(default_factory=list)
    events: list[StockShipped] = field(default_factory=list)

    def ship(self, shipment: Shipment) -> None:
        """Move one shipment out, a movement per line."""
        numbers = dict(shipment.parts)
        parts = tuple(self._send(shipment, number, units) for number, units in shipment.parts)
        lines = tuple(line.sent(numbers.get(line.line_number, 0)) for line in self.reservation.lines)
        done = tuple(replace(s, is_done=True) if s == shipment else s for s in self.reservation.shipments)
        self.reservation = replace(self.reservation, lines=lines, shipments=done)
        self.events.append(StockShipped(self.reservation.order_id, shipment.fulfillment_id, parts))

    def _send(self, shipment: Shipment, number: int, units: int) -> ShippedLine:
        sku = next(line.sku for line in self.reservation.lines if line.line_number == number)
        item = self.stock[sku] = self.stock[sku].shipped(units)
        source = Source(MovementReason.SHIPMENT, shipment.fulfillment_id, self.cause_id, number)
        self.movements.append(movement_to(item, -units, source, self.new_id()))
        return ShippedLine(number, sku, units, item.standard_cost)


def ship_held(reservation: Reservation, stock: Mapping[str, StockItem], new_id: Callable[[], str], cause_id: str) -> Shipping:
    """Ship every known shipment that is held completely and has not left yet.

    A shipment told before its order is kept until the order holds its stock; goods are never moved twice.
    """
    shipping = Shipping(reservation, dict(stock), new_id, cause_id)
    for shipment in reservation.shipments:
        if not shipment.is_done and shipping.reservation.can_ship(shipment, stock):
            shipping.ship(shipment)
    return shipping
