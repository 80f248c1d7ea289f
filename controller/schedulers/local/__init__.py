"""Bots as supervised child processes of this machine; they end with herdsman and start again with it."""

from controller.schedulers.local.scheduler import LocalScheduler

__all__ = ["LocalScheduler"]
