"""What holds for every test."""

from hypothesis import HealthCheck, settings

# A property holds or not, on whatever machine: how long an example takes is no part of it.
settings.register_profile(
    "any machine", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
