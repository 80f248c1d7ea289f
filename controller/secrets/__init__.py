"""Secrets that lie outside git, and the handing over of all values to the launchers."""
