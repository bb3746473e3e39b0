"""People as the identity provider knows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """A person: issuer and subject identify him, the username only shows him."""

    issuer: str
    subject: str
    username: str = ""

    def is_same_as(self, other: Person) -> bool:
        """Whether both are one person, whatever he is called."""
        return (self.issuer, self.subject) == (other.issuer, other.subject)


@dataclass(frozen=True, slots=True)
class Decider:
    """Who wants to decide: a person, or a service account, with the roles that his token names."""

    person: Person
    roles: frozenset[str]
    human: bool
