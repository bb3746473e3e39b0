"""The `atlas` command: what an operator and a developer do with a stack."""
