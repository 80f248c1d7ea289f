"""Revisions, the fleet as it is, plans, and asking for a pass."""

from typing import Any

from msgspec import Struct

from web.documents.suspensions import KillDocument, SuspensionDocument


class RevisionDocument(Struct):
    """One entry of `GET /api/v1/revisions`, newest first; whole in `GET /api/v1/revisions/{revision}`."""

    id: str
    author: str
    """Who wrote the commit."""
    message: str
    committed_at: float
    received_at: float
    finished_at: float | None
    state: str
    """pending, running, halted, applied, failed, refused, superseded."""
    changes: list[dict[str, Any]]
    """`{"bot", "action", "summary", "state", "message", "seconds"}`.

    state: waiting, held, running, healthy, degraded, failed, removed, unchanged. A list of revisions holds
    at most 100 of each, the failed ones first; one revision by its id holds all, each with `fields`:
    `[{"name", "before", "after"}]`, what differs in the manifest, null where a side lacks it, never a
    secret's value.
    """
    errors: list[dict[str, Any]]
    trigger: str = ""
    """What brought it: push, poll, webhook, watch (of a folder), operator, start, timer, scheduler."""
    by: str = ""
    """The name of the token that pushed it or asked for it, "" where nobody did."""
    branch: str = ""
    """The branch or tag it was read from."""
    held: str = ""
    """Why its removals wait to be confirmed, "" where none do."""
    actions: dict[str, int] = {}
    """All changed bots by action: create, update, remove, stop."""
    results: dict[str, int] = {}
    """All changed bots by the state of their change."""
    source: str = ""
    """The name of its source, where the fleet has several."""
    rewritten: str = ""
    """The commit that it replaces without following it: history was rewritten. "" where it was not."""
    signature: str = ""
    """good, none, unknown, bad, expired, revoked or unchecked; "" where no trust policy asks."""
    signer: str = ""
    """Who signed it, and with which key, where that is known."""
    rollout: dict[str, Any] | None = None
    """Its waves, null where it went without: `{"text": "wave 2 of 3: 12 of 20 healthy", "wave", "done",
    "waves": [{"bots", "healthy"}], "halted" (why it does not go on), "failed" (the bot that halted it),
    "resumes_at"}`."""


class FleetDocument(Struct):
    """`GET /api/v1/fleet`, and a `fleet` event on the stream: the header of every page."""

    fleet: str
    revision: RevisionDocument | None
    synced_at: float | None
    counts: dict[str, int]
    """Bots by health."""
    scheduler: str
    version: str
    time: float
    problems: list[str]
    """What is wrong with herdsman itself, in words."""
    held: list[dict[str, Any]] = []
    """Where all bots are held at an earlier revision: as in Bot, with `source` where there are several."""
    kills: list["KillDocument"] = []
    """The kill switches that are on, with the first survivors of each."""
    suspensions: list["SuspensionDocument"] = []
    """The suspensions of scopes in force."""
    environments: list[str] = []
    """The environments that this service runs the bots of; empty where it runs all."""


class PlanDocument(Struct):
    """`GET /api/v1/plan`: what a pass would do now; `POST /api/v1/plans`: of any revision, in detail."""

    revision: str
    actions: list[dict[str, Any]]
    """`{"bot", "action": create|update|remove|stop|none, "summary", "reason"}`.

    Of `POST /api/v1/plans` each that is not `none` has also `held` (why it waits for a person, "" where it
    does not), `waits` (what it waits for by itself: a wave, a sync window, a bot that it depends on), `wave`
    (its wave, from 1; 0 for none), `blocked` (why it cannot be done yet), `after` (bots that must have
    ended first), `drift` (it repairs what was done behind our back), `source`, `environment`, `mode`,
    `fields` (`[{"name", "before", "after"}]`, null where a side lacks it, never a secret's value) and
    `code` (`{"added", "changed", "removed", "paths"}`: the program's files that differ, counted, and the
    first of them; null where the program stays).
    """
    errors: list[dict[str, Any]]
    """`{"file", "line", "column", "pointer", "message", "suggestion"}`, as in `herdsman validate`; of
    `POST /api/v1/plans` also `new`: it is not in the revision that runs."""
    held: str
    base: str = ""
    """The revision that it is compared with: what is deployed now. "" before the first."""
    name: str = ""
    """What was asked for: a branch, tag or commit."""
    author: str = ""
    message: str = ""
    source: str = ""
    """The name of its source, where the fleet has several."""
    total: int = 0
    """The sound bots of the revision."""
    summary: str = ""
    """`3 of 214 bots change, 1 is held`."""
    kept: list[dict[str, str]] = []
    """Bots that stay as they are though they may differ: `{"bot", "reason"}`."""
    refused: list[str] = []
    """Why this revision would not be let in, line by line; empty where it would."""
    waves: list[int] = []
    """How many bots each wave has; empty where the change goes at once."""
    signature: str = ""
    """Who signed it, in words; "" where no trust policy asks for that."""
    prune: list[str] = []
    """What confirms the removals that would be held, by the codes of exactly these."""


class SyncRequest(Struct):
    """The body of `POST /api/v1/sync`; all optional."""

    confirm_prune: bool = False
    """Also carry out removals that are held: those of `revision`, else those held when this arrives."""
    revision: str = ""
    """With `confirm_prune`: the whole id of the revision that was looked at; a newer one's stay held."""
    prune: list[str] = []
    """Confirm exactly the removals that were shown with these codes (`prune` of a plan); others stay held."""
    no_waves: bool = False
    """Change all bots at once, also those of a rollout under way."""
    continue_rollout: bool = False
    """Go on with a halted rollout, without the bot that halted it."""
    override_window: str | None = None
    """Why sync windows are passed over for this revision; it stands in the audit."""
    wait: bool = False
    """Answer when the pass is finished (or `timeout` is over) instead of at once."""
    timeout: float = 50.0
    """Seconds; the pass goes on by itself after it."""


class SyncAnswer(Struct):
    """What `POST /api/v1/sync` started.

    With `wait` and `Accept: application/x-ndjson`: one change a line as it happens, this as the last line.
    """

    id: str
    revision: str
    finished: bool
    """Every changed bot is running, gone or failed."""
    held: str
    """Why removals wait to be confirmed, "" where none do."""
    changes: list[dict[str, Any]]
    """As in RevisionDocument; those known so far."""
    prune: list[str] = []
    """What confirms the removals that are held, by their codes."""


class WebhookAnswer(Struct):
    """What `POST /api/v1/webhooks/{source}` made of a genuine delivery."""

    result: str
    """looking (the source is looked at now), pong (a ping), ignored (another branch, or no push)."""
