"""Secrets that lie in the fleet's own files, encrypted: age, SOPS, and what of a revision refers to them.

Everything is decrypted in memory and nothing here writes a file; no text of an error holds a value.
"""
