"""OpenAPI 3.1 from routes, descriptors, comments and validation rules."""
