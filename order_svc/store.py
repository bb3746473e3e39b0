"""How orders, fulfillments, prices and references are kept. Lines and facts are values of an order, so part of its row."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.money import Money
from chassis.store import Columns, Mapping, Store
from chassis.tables import Time, aggregate_columns
from order_svc.domain.facts import Approval, Attempt, BillingClosed, Known, Outcome, Stock
from order_svc.domain.order import Fulfillment, LinePart, Order, Person
from order_svc.domain.price_list import Price
from order_svc.domain.pricing import Line
from order_svc.domain.reference import Reference

metadata = sa.MetaData()

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("order_id", pg.UUID(as_uuid=False), primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("client_reference", sa.Text),
    sa.Column("state", sa.Text, nullable=False, comment="derived from the facts, kept for searching"),
    sa.Column("settlement", sa.Text, comment="derived, kept for searching"),
    sa.Column("currency_code", sa.Text, nullable=False),
    sa.Column("payment_method", sa.Text, nullable=False),
    sa.Column("placed_by_issuer", sa.Text, nullable=False),
    sa.Column("placed_by", sa.Text, nullable=False),
    sa.Column("placed_by_username", sa.Text, nullable=False),
    sa.Column("place_time", Time, nullable=False),
    sa.Column("state_time", Time, nullable=False),
    sa.Column("deadline_time", Time),
    sa.Column("lines", pg.JSONB, nullable=False),
    sa.Column("known", pg.JSONB, nullable=False),
    sa.Column("cancel_reason", sa.Text, nullable=False),
    sa.Column("confirmed", sa.Boolean, nullable=False),
    sa.Column("terms_version", sa.Integer, nullable=False),
    *aggregate_columns(),
)

fulfillment = sa.Table(
    "fulfillment",
    metadata,
    sa.Column("fulfillment_id", pg.UUID(as_uuid=False), primary_key=True),
    sa.Column("order_id", pg.UUID(as_uuid=False), nullable=False),
    sa.Column("lines", pg.JSONB, nullable=False),
    sa.Column("tracking_reference", sa.Text),
    *aggregate_columns(),
)

price = sa.Table(
    "price",
    metadata,
    sa.Column("price_id", pg.UUID(as_uuid=False), primary_key=True),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("currency_code", sa.Text, nullable=False),
    sa.Column("unit_price", sa.BigInteger, nullable=False),
    sa.Column("tax_rate_basis_points", sa.Integer, nullable=False),
    sa.Column("valid_from", Time, nullable=False),
    *aggregate_columns(),
)

client_reference = sa.Table(
    "client_reference",
    metadata,
    sa.Column("reference_key", sa.Text, primary_key=True, comment="issuer|subject|client_reference"),
    sa.Column("order_id", pg.UUID(as_uuid=False), nullable=False),
    *aggregate_columns(),
)


def _order_columns(order: Order) -> Columns:
    return {
        "customer_id": order.customer_id,
        "client_reference": order.client_reference,
        "state": order.state.value,
        "settlement": order.settlement.value if order.settlement else None,
        "currency_code": order.currency_code,
        "payment_method": order.payment_method,
        "placed_by_issuer": order.placed_by.issuer,
        "placed_by": order.placed_by.subject,
        "placed_by_username": order.placed_by.username,
        "place_time": order.place_time,
        "state_time": order.state_time,
        "deadline_time": order.deadline_time,
        "lines": [_line_columns(line) for line in order.lines],
        "known": _known_columns(order.known),
        "cancel_reason": order.cancel_reason,
        "confirmed": order.confirmed,
        "terms_version": order.terms_version,
    }


def order_from(row: Any, _children: object = None) -> Order:
    """Rebuild an order from its row."""
    return Order(
        order_id=row.order_id,
        customer_id=row.customer_id,
        client_reference=row.client_reference,
        currency_code=row.currency_code,
        payment_method=row.payment_method,
        placed_by=Person(row.placed_by_issuer, row.placed_by, row.placed_by_username),
        place_time=row.place_time,
        lines=tuple(_line_from(line, row.currency_code) for line in row.lines),
        state_time=row.state_time,
        deadline_time=row.deadline_time,
        known=_known_from(row.known),
        cancel_reason=row.cancel_reason,
        confirmed=row.confirmed,
        terms_version=row.terms_version,
    )


def _line_columns(line: Line) -> Columns:
    return {
        "line_number": line.line_number,
        "sku": line.sku,
        "quantity": line.quantity,
        "unit_price": line.unit_price.minor_units,
        "discount_basis_points": line.discount_basis_points,
        "tax_rate_basis_points": line.tax_rate_basis_points,
        "net": line.net.minor_units,
        "tax": line.tax.minor_units,
        "quantity_shipped": line.quantity_shipped,
        "quantity_cancelled": line.quantity_cancelled,
    }


def _line_from(columns: Columns, currency: str) -> Line:
    amounts = {name: Money(currency, columns[name]) for name in ("unit_price", "net", "tax")}
    return Line(**{**columns, **amounts})


def _known_columns(known: Known) -> Columns:
    """Write only what differs from knowing nothing."""
    columns: Columns = {
        "stock": known.stock.name,
        "approval": known.approval.value,
        "longest_seconds": known.longest_seconds,
        "attempts": [[number, attempt.name] for number, attempt in known.attempts],
        "payment_ids": sorted(known.payment_ids),
        "failed": sorted(known.failed),
    }
    for flag in _FLAGS:
        columns[flag] = getattr(known, flag)
    if known.closed is not None:
        columns["closed"] = _closed_columns(known.closed)
    return {name: value for name, value in columns.items() if value}


_FLAGS = ("unknown_item", "released", "invoiced", "voided", "paid")


def _closed_columns(closed: BillingClosed) -> Columns:
    return {
        "outcome": closed.outcome.value,
        "revision": closed.revision,
        "payment_ids": sorted(closed.payment_ids),
        "refunded": [[amount.currency_code, amount.minor_units] for amount in closed.refunded],
    }


def _known_from(columns: Columns) -> Known:
    closed = columns.get("closed")
    return Known(
        stock=Stock[columns["stock"]],
        approval=Approval(columns["approval"]),
        longest_seconds=columns.get("longest_seconds", 0),
        attempts=tuple((number, Attempt[name]) for number, name in columns.get("attempts", [])),
        payment_ids=frozenset(columns.get("payment_ids", [])),
        failed=frozenset(columns.get("failed", [])),
        closed=_closed_from(closed) if closed else None,
        **{flag: columns.get(flag, False) for flag in _FLAGS},
    )


def _closed_from(columns: Columns) -> BillingClosed:
    return BillingClosed(
        outcome=Outcome(columns["outcome"]),
        revision=columns["revision"],
        payment_ids=frozenset(columns["payment_ids"]),
        refunded=tuple(Money(currency, amount) for currency, amount in columns["refunded"]),
    )


def _fulfillment_columns(value: Fulfillment) -> Columns:
    lines = [
        [line.line_number, line.sku, line.quantity, line.net.currency_code, line.net.minor_units, line.tax.minor_units]
        for line in value.lines
    ]
    return {"order_id": value.order_id, "lines": lines, "tracking_reference": value.tracking_reference}


def fulfillment_from(row: Any, _children: object = None) -> Fulfillment:
    """Rebuild a fulfillment from its row."""
    lines = tuple(
        LinePart(number, sku, quantity, Money(currency, net), Money(currency, tax))
        for number, sku, quantity, currency, net, tax in row.lines
    )
    return Fulfillment(row.fulfillment_id, row.order_id, lines, row.tracking_reference)


def _price_columns(value: Price) -> Columns:
    return {
        "sku": value.sku,
        "currency_code": value.unit_price.currency_code,
        "unit_price": value.unit_price.minor_units,
        "tax_rate_basis_points": value.tax_rate_basis_points,
        "valid_from": value.valid_from,
    }


def price_from(row: Any, _children: object = None) -> Price:
    """Rebuild a price from its row."""
    amount = Money(row.currency_code, row.unit_price)
    return Price(row.price_id, row.sku, amount, row.tax_rate_basis_points, row.valid_from)


def _reference_columns(value: Reference) -> Columns:
    return {"order_id": value.order_id}


def reference_from(row: Any, _children: object = None) -> Reference:
    """Rebuild a reference from its row."""
    principal, _, text = row.reference_key.rpartition("|")
    return Reference(principal, text, row.order_id)


STORE = Store(
    Mapping(Order, orders, "order_id", _order_columns, order_from, is_stream=True),
    Mapping(Fulfillment, fulfillment, "fulfillment_id", _fulfillment_columns, fulfillment_from),
    Mapping(Price, price, "price_id", _price_columns, price_from),
    Mapping(Reference, client_reference, "reference_key", _reference_columns, reference_from),
)
