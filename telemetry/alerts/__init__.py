"""Alert rules and risk limits: what bots do, judged as it comes. Pure; `telemetry/alert_desk.py` runs it."""
