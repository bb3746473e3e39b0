"""The rules of approvals, pure: no I/O, no proto, no clock, no randomness."""
