"""Risk limits, pure: what bots lose, hold and send, as far as it can be believed, against what they may."""
