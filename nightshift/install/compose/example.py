"""The use case that the smoke plays its nights with."""

EXAMPLE = "flight_delays"
