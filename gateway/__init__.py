"""REST /v1 for the world: transcoded from the contracts, stateless, no business rule in it."""
