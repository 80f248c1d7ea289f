"""Reconciling: compare, plan, apply, health, status, inventory, the loop and its database."""
