"""Numbered lines of many bots through agent, intake and stores that are killed, and then a count."""
