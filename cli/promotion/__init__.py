"""What `herdsman promote` is made of: which bots belong together, what is carried, manifests as text."""
