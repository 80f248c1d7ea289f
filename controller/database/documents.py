"""Values of ours as JSON text and back, for the columns that are read whole."""

import json
from typing import Any

import msgspec

from controller.process import ProcessState
from controller.records import FieldChange
from controller.rollback.records import Pin, Refusal, Trial
from controller.status import BotStatus
from gitops.revision import Revision
from schemas.bot import BotSpec
from schemas.errors import ManifestError

_encoder = msgspec.json.Encoder()
_spec = msgspec.json.Decoder(BotSpec)
_status = msgspec.json.Decoder(BotStatus)
_process = msgspec.json.Decoder(ProcessState)
_fields = msgspec.json.Decoder(tuple[FieldChange, ...])
_revision = msgspec.json.Decoder(Revision)
_pin = msgspec.json.Decoder(Pin)
_trial = msgspec.json.Decoder(Trial)
_refusal = msgspec.json.Decoder(Refusal)
_errors = msgspec.json.Decoder(tuple[ManifestError, ...])


def encode(value: Any) -> str:
    """Return any of our values as JSON text."""
    return _encoder.encode(value).decode()


def decode_spec(text: str) -> BotSpec:
    """Return a spec as it was stored."""
    return _spec.decode(text)


def decode_status(text: str) -> BotStatus | None:
    """Return a status as it was stored, None where an older herdsman wrote another form of it."""
    try:
        return _status.decode(text)
    except msgspec.DecodeError:
        return None


def decode_process(text: str) -> ProcessState:
    """Return a process state as it was stored, an empty one where its form was another."""
    try:
        return _process.decode(text)
    except msgspec.DecodeError:
        return ProcessState()


def decode_errors(text: str) -> tuple[ManifestError, ...]:
    """Return the errors of a revision."""
    return _errors.decode(text)


def decode_fields(text: str) -> tuple[FieldChange, ...]:
    """Return the fields of a change; an older herdsman kept none."""
    return _fields.decode(text) if text else ()


def decode_revision(text: str) -> Revision:
    """Return a commit's facts."""
    return _revision.decode(text)


def decode_pin(text: str) -> Pin:
    """Return a pin as it was stored."""
    return _pin.decode(text)


def decode_trial(text: str) -> Trial:
    """Return a trial as it was stored."""
    return _trial.decode(text)


def decode_refusal(text: str) -> Refusal:
    """Return a refusal as it was stored."""
    return _refusal.decode(text)


def decode_any(text: str) -> Any:
    """Return plain JSON."""
    return json.loads(text) if text else None
