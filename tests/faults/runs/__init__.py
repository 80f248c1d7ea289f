"""Seeded runs of the whole product through faults drawn at random; `make faults` makes many of them."""
