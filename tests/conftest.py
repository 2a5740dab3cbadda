"""What every test runs under."""

from hypothesis import HealthCheck, settings

# How fast examples come says how busy the machine is, and nothing of the code.
settings.register_profile("daybook", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("daybook")
