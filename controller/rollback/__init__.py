"""Going back: revisions that an operator holds bots at, and updates that did not get healthy."""
