"""What `herdsman deploy` is made of: the program's folder, manifests as text, the repository, the arrival."""
