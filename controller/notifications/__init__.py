"""Telling people of transitions: what is told (pure), to whom, in which words, and its delivery."""
