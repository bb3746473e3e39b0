"""A client's own reference for an order: unique per principal for ever (domain.md, Order)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from order_svc.domain.errors import DuplicateReference


@dataclass(frozen=True, slots=True)
class Reference:
    """What somebody calls an order of his; `order_id` is empty until he has placed it."""

    principal: str
    """Issuer and subject, as one string."""
    text: str
    order_id: str = ""

    @property
    def key(self) -> str:
        """Who, and what he calls it."""
        return f"{self.principal}|{self.text}"

    def used_for(self, order_id: str) -> Reference:
        """Give it to an order. A second use is refused, whatever became of the first order."""
        if self.order_id:
            raise DuplicateReference(self.text, self.order_id)
        return replace(self, order_id=order_id)
