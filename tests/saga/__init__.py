"""The saga, whole: all services in one thread, on a real PostgreSQL, under one seed (reliability.md, L0)."""
