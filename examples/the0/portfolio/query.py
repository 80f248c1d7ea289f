"""What can be asked of the portfolio."""

from the0 import query, state


@query.handler("/portfolio")
def get_portfolio(req):
    return {"positions": state.get("portfolio", {}), "looks": state.get("looks", 0)}


@query.handler("/status")
def get_status(req):
    config = query.get_config()
    return {"symbol": config.get("symbol"), "limit": int(req.get("limit", 10)), "params": query.get_params()}


@query.handler("/reset")
def reset(req):
    state.clear()
    return {"left": state.list()}


@query.handler("/broken")
def broken(req):
    raise ZeroDivisionError("nothing to divide by")


if __name__ == "__main__":
    query.run()
