"""What the bot says of its cache."""

from the0 import query, state


@query.handler("/cache")
def cache(req):
    return {**state.get("cache", {"quotes": 0, "kib": 0}), "gives_up_at_mib": query.get_config()["gives_up_at"]}


query.run()
