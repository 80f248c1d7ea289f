"""The contract: JSON Schemas, the frozen types parsed from them, and errors that say what to do.

Nothing here does network or git I/O, and nothing here imports another of our packages.
"""
