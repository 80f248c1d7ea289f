"""What notifications read of an alert: a part of the document that the web keeps of it. Pure."""

import msgspec


class Standing(msgspec.Struct, frozen=True):
    """How an alert stands; `since` in Unix seconds."""

    state: str = "ok"
    since: float = 0.0
    text: str = ""
    acked_by: str = ""
    action_text: str = ""


class AlertView(msgspec.Struct, frozen=True):
    """An alert, of whom, and how much it matters."""

    bot: str
    rule: str
    severity: str
    state: Standing
    message: str = ""
    program: str = ""
    account: str = ""
    environment: str = ""
    mode: str = ""
    muted: bool = False
    risk: bool = False
    what: str = ""
    """What happened, in the history alone."""


_view = msgspec.json.Decoder(AlertView)


def read_view(document: str) -> AlertView | None:
    """Return what there is to tell of an alert, None where another herdsman wrote another form."""
    try:
        return _view.decode(document)
    except msgspec.MsgspecError:
        return None
