"""Liveness, pure: what a bot's signs say of it, by its own habit. `telemetry/liveness_desk.py` keeps it."""
