"""The bot's parent process: a stand-alone program that holds the lease while the bot lives.

`launcher.py`, `shim.py` and `fetch.py` run on the node with `python -I -S` and import the standard
library alone; the rest of the package prepares them for a scheduler.
"""
