"""The REST resources, as FastAPI validates, documents and writes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

Sku = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
BasisPoints = Annotated[int, Field(ge=0, le=10_000)]


class Money(BaseModel):
    """An amount in minor units."""

    currency_code: Currency
    minor_units: int = Field(ge=-(2**53), le=2**53)


class LineInput(BaseModel):
    """A line as it is ordered."""

    sku: Sku
    quantity: int = Field(ge=1, le=1_000_000)
    unit_price: Money
    discount_basis_points: BasisPoints = 0
    tax_rate_basis_points: BasisPoints = 0


class OrderInput(BaseModel):
    """An order as it is placed."""

    customer_id: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")
    currency_code: Currency
    payment_method: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")
    client_reference: str | None = None
    lines: list[LineInput] = Field(min_length=1, max_length=500)


class Line(LineInput):
    """A line with its amounts."""

    line_number: int
    net: Money
    tax: Money
    total: Money


class Order(BaseModel):
    """An order as it is answered."""

    order_id: str
    customer_id: str
    client_reference: str | None
    state: str
    currency_code: str
    payment_method: str
    net: Money
    tax: Money
    total: Money
    placed_by: str
    place_time: datetime
    lines: list[Line]
    version: int
