"""Bots as jobs of a Nomad cluster.

`job` and `agent_job` render jobs and `reading` reads Nomad's answers, both pure; `api` and `events` are the
only modules that speak to Nomad for the controller, `node` the one that speaks to the agent of its own node.
"""
