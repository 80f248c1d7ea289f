"""Saved states of bots: the stores that keep them, and the one writer in front of a store."""
