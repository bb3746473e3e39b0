"""The rules of an order: pure values and functions, no I/O, no clock, no protobuf."""
