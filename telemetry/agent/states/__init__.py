"""The agent's care for bots' state: what changed is saved, and a state that is wanted here is brought.

`folder` reads and makes state folders, `notes` exchanges notes with launchers, `desk` is where versions are
handed in and out, `saver` and `bringer` do the work, `caretaker` looks after all bots of the node.
"""
