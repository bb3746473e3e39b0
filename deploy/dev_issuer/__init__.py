"""A small OIDC issuer for development and tests: it reads the realm file that Keycloak imports, and answers the same."""
