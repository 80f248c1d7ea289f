"""The `herdsman` command: offline commands call schemas and gitops, online ones the HTTP API."""
