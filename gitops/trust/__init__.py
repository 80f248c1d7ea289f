"""Trust in the source: who signed which commit, whether that is enough, and who may change what."""
