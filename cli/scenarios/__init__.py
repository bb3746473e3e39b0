"""The scenarios of `atlas demo`: plain functions that play one story through REST and say what they expect."""
