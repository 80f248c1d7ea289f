"""Errors understood: stack traces read from plain output, grouped, remembered and explained."""
