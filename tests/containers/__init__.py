"""Builds and starts what Dockerfile and compose.yaml say, and uses it as a person would: `make test-containers`."""
