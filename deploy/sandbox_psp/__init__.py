"""The sandbox payment provider: a separate process that stands for the outside world of payments."""
