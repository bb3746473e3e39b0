"""The technical chassis every service stands on. It knows messages, transactions and time, and not one business word."""
