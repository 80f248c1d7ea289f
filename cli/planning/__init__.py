"""`herdsman plan` taken apart: what is sent of a clone, and how a plan is shown to people."""
