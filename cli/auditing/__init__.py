"""The cross-service auditor behind `atlas invariants`: reads everything through REST, judges order by order."""
