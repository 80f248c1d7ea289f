"""The controller and the web as separate processes, which meet in PostgreSQL.

The leader's side: `leadership` (who may lead), `fenced` (the scheduler while we lead), `showing` (what the
web shows), `serving` (what operators ask for), `receiving` (launchers' reports). The web's side: `mirror`,
`asking` and `controller.RemoteController`, which the routes take for the controller itself. `bell` wakes
both.
"""
