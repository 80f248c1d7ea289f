"""Building compiled programs on this machine: toolchains, the guard around a build, its log, its outcome.

Whatever a program's build runs (build scripts, CMake files) is code of whoever may push, so that it gets
nothing of ours: a clean environment, a home of its own, limits, and an end with its whole family.
"""
