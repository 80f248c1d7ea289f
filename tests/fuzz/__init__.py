"""Manifests that nobody would write: whatever is read is answered with placed errors, and soon."""
