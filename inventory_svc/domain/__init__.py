"""The rules of stock, reservations and the backorder queue: pure values and functions, no I/O, no clock, no protobuf."""
