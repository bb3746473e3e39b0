"""What billing decides, as pure functions over facts: nothing here reads a clock, a database or the network."""
