"""Benchmarks: every figure is a ratio to a floor measured in the same run (docs/PERFORMANCE.md when it is complete)."""
