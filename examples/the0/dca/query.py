"""What can be asked between two runs."""

from the0 import query, state


@query.handler("/runs")
def get_runs(req):
    return {"runs": state.get("runs", 0), "amount": query.get_config()["amount"], "asked": req.get("why")}


@query.handler("/reset")
def reset(req):
    state.set("runs", 0)


query.run()
