"""The textbook reference (P2): the same order accepted the way the documentation of the same libraries shows it.

Typed FastAPI in front, a synchronous gRPC service with a thread pool behind, an ORM session for each request, the event as an
outbox row of the same transaction, a relay that publishes row by row, tokens verified by python-jose on both hops with cached
keys. One process each, connection pools, prepared statements, uvicorn on uvloop and httptools: nothing is slow on purpose.
"""
