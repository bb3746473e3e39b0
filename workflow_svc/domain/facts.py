"""What workflow hears of an order from the others."""

from __future__ import annotations

from dataclasses import dataclass

from workflow_svc.domain.person import Person
from workflow_svc.domain.policy import Subject


@dataclass(frozen=True, slots=True)
class Placed:
    """An order was placed: by whom, and what a policy looks at."""

    order_id: str
    placed_by: Person
    subject: Subject
    terms_version: int


@dataclass(frozen=True, slots=True)
class Paid:
    """Money came in; `in_full` says that the invoice is paid."""

    order_id: str
    in_full: bool


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An order was cancelled."""

    order_id: str
    placed_by: Person


Fact = Placed | Paid | Cancelled
