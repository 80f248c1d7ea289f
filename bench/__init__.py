"""The figures: each measured beside its floor in one run. `make bench` prints a table and writes JSON."""
