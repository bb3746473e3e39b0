"""What puts Atlas on a machine: the local stack, the dev issuer, the sandbox provider, topics, realm."""
