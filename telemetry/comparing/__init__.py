"""What differs between two revisions of a bot, out of what it printed and used under each. Pure."""
