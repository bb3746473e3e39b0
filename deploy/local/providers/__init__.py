"""The servers under the services: for each one, the external provider when given, else the embedded one."""
