"""REST over gRPC: routes, JSON codec, problem documents and OpenAPI, all read from the descriptors of the contracts."""
