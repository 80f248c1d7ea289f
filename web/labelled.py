"""The bots that a label means."""

from web.searching import BotsOf
from web.services import Services


def labelled(services: Services) -> BotsOf:
    """Return what finds the bots with a label, given as `key` or `key=value`."""

    def found(label: str) -> tuple[str, ...]:
        key, wants_value, value = label.partition("=")
        names = []
        for status in services.controller.statuses():
            spec = services.spec(status.name)
            own = spec.labels.get(key) if spec is not None else None
            if own is not None and (own == value or not wants_value):
                names.append(status.name)
        return tuple(names)

    return found
