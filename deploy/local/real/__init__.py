"""Apache Kafka and Keycloak for a real stack: which versions, where they lie, how they are fetched and checked."""
