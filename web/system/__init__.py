"""The health of herdsman itself: each part says how it is, in facts that a page and a terminal can show."""
