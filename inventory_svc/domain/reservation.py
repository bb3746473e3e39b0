"""What is held for one order: a set of facts, and a state that is a pure function of them (domain.md, Inventory)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Where a reservation is."""

    PENDING = "PENDING"
    BACKORDERED = "BACKORDERED"
    RESERVED = "RESERVED"
    COMMITTED = "COMMITTED"
    PARTIALLY_SHIPPED = "PARTIALLY_SHIPPED"
    SHIPPED = "SHIPPED"
    RELEASED = "RELEASED"
    REJECTED = "REJECTED"
    TOMBSTONE = "TOMBSTONE"


@dataclass(frozen=True, slots=True)
class Placing:
    """When an order was placed, and by whom."""

    place_time: datetime
    placed_by: str
    placed_by_issuer: str


@dataclass(frozen=True, slots=True)
class Line:
    """One order line, in whole units: ordered, held now, shipped, cancelled after a part of the order was shipped.

    `take_time` is when it last took some.
    """

    line_number: int
    sku: str
    quantity: int
    held: int = 0
    shipped: int = 0
    cancelled: int = 0
    take_time: datetime | None = None

    def __post_init__(self) -> None:
        if min(self.quantity, self.held, self.shipped, self.cancelled, self.missing) < 0:
            units = f"{self.held} held, {self.shipped} shipped and {self.cancelled} cancelled of {self.quantity}"
            raise ValueError(f"line {self.line_number}: {units}")

    @property
    def missing(self) -> int:
        """Units that are neither held nor shipped nor cancelled."""
        return self.quantity - self.held - self.shipped - self.cancelled

    @property
    def is_over(self) -> bool:
        """Whether every unit is shipped or cancelled."""
        return self.shipped + self.cancelled == self.quantity

    def took(self, units: int, at: datetime | None = None) -> Line:
        """It got units; none changes nothing."""
        return replace(self, held=self.held + units, take_time=at) if units else self

    def gave_back(self) -> Line:
        """It holds nothing any more."""
        return replace(self, held=0)

    def sent(self, units: int) -> Line:
        """Held units went out."""
        return replace(self, held=self.held - units, shipped=self.shipped + units)

    def gave_up(self, units: int) -> Line:
        """Units were cancelled: those that are missing first, then held ones. None changes nothing."""
        if not units:
            return self
        given_back = max(0, units - self.missing)
        return replace(self, held=self.held - given_back, cancelled=self.cancelled + units)


@dataclass(frozen=True, slots=True)
class Shipment:
    """A fulfillment as order_svc named it: (line number, units). `is_done` once the stock has moved."""

    fulfillment_id: str
    parts: tuple[tuple[int, int], ...]
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class LineCancellation:
    """The cancellation of what remained, as order_svc named it: (line number, units). `is_done` once it is given up."""

    cancellation_id: str
    parts: tuple[tuple[int, int], ...]
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Reservation:
    """The facts about one order. Without lines, OrderPlaced has not been read.

    `prioritize_time` is when its place in the queue was last changed; `waits_whole` says that it gave back what it held and
    takes stock only when it can be completed at once (ADR 0022).
    """

    order_id: str
    placing: Placing | None = None
    priority: int = 0
    lines: tuple[Line, ...] = ()
    has_unknown_item: bool = False
    is_confirmed: bool = False
    is_cancelled: bool = False
    shipments: tuple[Shipment, ...] = ()
    cancellations: tuple[LineCancellation, ...] = ()
    prioritize_time: datetime | None = None
    waits_whole: bool = False

    @property
    def key(self) -> str:
        """The order's id."""
        return self.order_id

    @property
    def state(self) -> State:
        """Derive the state from the facts."""
        if not self.lines:
            return State.TOMBSTONE if self.is_cancelled else State.PENDING
        if self.has_unknown_item:
            return State.REJECTED
        is_over, is_shipped = all(line.is_over for line in self.lines), any(line.shipped for line in self.lines)
        if is_over and is_shipped:
            return State.SHIPPED
        if is_over or self.is_cancelled:
            return State.RELEASED
        if is_shipped:
            return State.PARTIALLY_SHIPPED
        if any(line.missing for line in self.lines):
            return State.BACKORDERED
        return State.COMMITTED if self.is_confirmed else State.RESERVED

    @property
    def is_open(self) -> bool:
        """Whether it may hold or wait for stock."""
        return bool(self.lines) and not (self.is_cancelled or self.has_unknown_item)

    @property
    def waiting(self) -> tuple[Line, ...]:
        """The lines that wait for stock."""
        return tuple(line for line in self.lines if line.missing) if self.is_open else ()

    def waits_for(self, skus: Container[str]) -> bool:
        """Whether one of its lines waits for one of these SKUs."""
        return self.is_open and any(line.sku in skus and line.missing > 0 for line in self.lines)

    @property
    def needs(self) -> dict[str, int]:
        """The units it waits for, by SKU."""
        units: dict[str, int] = {}
        for line in self.waiting:
            units[line.sku] = units.get(line.sku, 0) + line.missing
        return units

    @property
    def holds(self) -> tuple[Line, ...]:
        """The lines that hold stock."""
        return tuple(line for line in self.lines if line.held)

    @property
    def is_complete(self) -> bool:
        """Whether everything is held or shipped."""
        return self.is_open and not self.waiting

    @property
    def queue_place(self) -> tuple[int, datetime, str]:
        """What orders the queue: priority first, then the time of placing, then the order's id."""
        if self.placing is None:
            raise ValueError(f"order {self.order_id} is not placed, so it cannot wait")
        return (-self.priority, self.placing.place_time, self.order_id)

    def placed(self, placing: Placing, lines: Iterable[Line]) -> Reservation:
        """The order is known now."""
        return replace(self, placing=placing, lines=tuple(sorted(lines, key=lambda line: line.line_number)))

    def rejected(self) -> Reservation:
        """One of the SKUs is unknown: it will never hold anything."""
        return replace(self, has_unknown_item=True)

    def confirmed(self) -> Reservation:
        """What is held will be shipped."""
        return replace(self, is_confirmed=True)

    def cancelled(self, placing: Placing | None) -> Reservation:
        """It holds nothing and waits for nothing; what was shipped stays shipped."""
        lines = tuple(line.gave_back() for line in self.lines)
        return replace(self, is_cancelled=True, placing=self.placing or placing, lines=lines)

    def prioritized(self, priority: int, at: datetime) -> Reservation:
        """It has another place in the queue from now on."""
        return replace(self, priority=priority, prioritize_time=at)

    def released_held(self) -> Reservation:
        """It gives back what it holds and keeps its place; from now on it takes stock only to be complete."""
        return replace(self, lines=tuple(line.gave_back() for line in self.lines), waits_whole=True)

    def with_shipment(self, shipment: Shipment) -> Reservation:
        """A shipment is known."""
        return replace(self, shipments=(*self.shipments, shipment))

    def knows_shipment(self, fulfillment_id: str) -> bool:
        """Whether this shipment was told before."""
        return any(shipment.fulfillment_id == fulfillment_id for shipment in self.shipments)

    def with_cancellation(self, cancellation: LineCancellation) -> Reservation:
        """The cancellation of what remained is known."""
        return replace(self, cancellations=(*self.cancellations, cancellation))

    def knows_cancellation(self, cancellation_id: str) -> bool:
        """Whether this cancellation was told before."""
        return any(cancellation.cancellation_id == cancellation_id for cancellation in self.cancellations)

    @property
    def owed(self) -> tuple[LineCancellation, ...]:
        """The cancellations that were told and are not given up yet."""
        return tuple(cancellation for cancellation in self.cancellations if not cancellation.is_done)

    def gave_up(self) -> Reservation:
        """The units of the cancellations that were told are given up; a closed order holds none."""
        if not self.owed:
            return self
        units = Counter[int]()
        for cancellation in self.owed:
            units.update(dict(cancellation.parts))
        lines = tuple(line.gave_up(units[line.line_number]) for line in self.lines) if self.is_open else self.lines
        return replace(self, lines=lines, cancellations=tuple(replace(each, is_done=True) for each in self.cancellations))

    def can_ship(self, shipment: Shipment, skus: Container[str]) -> bool:
        """Whether all of a shipment is held, and all of it is of these SKUs (those whose stock may be changed)."""
        held = {line.line_number: line.held for line in self.lines if line.sku in skus}
        return self.is_open and all(held.get(number, 0) >= units for number, units in shipment.parts)
