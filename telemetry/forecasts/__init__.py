"""When a bot will run into a limit, pure; `telemetry/resources_desk.py` keeps it."""
