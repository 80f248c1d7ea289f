"""Metrics from log lines: rules, matched over many lines at once, counted once for each line. Pure."""
