"""The servers under the services: for each one, the provider that the site names."""
