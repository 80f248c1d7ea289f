"""The git side: sources, revisions, reading at a commit, desired state, bundles, the remote we serve."""
