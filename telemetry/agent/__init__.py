"""The agent of one node: follows the log files of allocations and sends their lines to the intake."""

from telemetry.agent.agent import Agent
from telemetry.agent.sinks import DirectSink, HttpSink, Sink

__all__ = ["Agent", "DirectSink", "HttpSink", "Sink"]
