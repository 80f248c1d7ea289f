"""A message in words: what is wrong with how many bots, since when, by which revision of whom, what to do.

Pure. Whatever comes from bots, commits and people is made harmless: no chat may take it for a command.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.notifications.conversation import News, Recovery, routes_to
from controller.notifications.facts import Event, Fact
from gitops.revision import Revision
from schemas.alerts import AlertSettings, Route
from schemas.words import printable

_NAMES = 20
"""Bots named in a group; the others are counted."""
_GROUPS = 8
"""Groups described; the bots of the others are counted."""
_LONGEST = 300

_TO_DO: Mapping[str, str] = {
    "CrashLoop": "herdsman logs {bot}, then fix it and push, or herdsman rollback {bot}",
    "LaunchFailed": "herdsman status {bot} says what is missing",
    "OutOfMemory": "herdsman top, and raise its memory_limit or find the leak",
    "LastRunFailed": "herdsman logs {bot}; its next run comes by its schedule",
    "NodeLost": "look at the node; the bot moves by itself once its lease is free",
    "NoRuntime": "herdsman doctor on a node says which interpreter is missing",
    "StateElsewhere": "bring the node with its state back: it never starts empty",
    "RolledBack": "fix what the revision changed and push again; the bot runs what it was before",
    "ApplyFailed": "herdsman status {bot} says why; it is tried again by itself",
    "BuildFailed": "herdsman build-log {bot}, then fix it and push",
    "InvalidManifest": "correct the file and push; the bot runs on as it was",
    "RiskLimit": "herdsman figures {bot}; herdsman resume {bot} starts it again, and its limits count anew",
    "scheduler": "bots run on; look at Nomad: it is asked again by itself",
    "source": "bots run on as they are; look at the git server and its credentials",
    "recovery": "herdsman recover, once the database is the right one",
    "held": "herdsman sync --confirm-prune, or bring the files back",
    "revision failed": "look at its page, correct and push",
    "revision refused": "correct it and push again; nothing was changed",
    "revision held": "herdsman plan shows what it would do",
    "revision halted": "correct it and push; the bots that it did not reach run on as they were",
}


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent; `id` is the same at every try, `subjects` how many bots and events it is about."""

    id: str
    destination: str
    title: str
    body: str
    severity: int
    at: float
    subjects: int = 0
    urgent: bool = False
    """A test: it waits behind nothing, and is tried once."""


def write(
    news: News, destination: str, fleet: str, link: str, revisions: Mapping[str, Revision], now: float
) -> Message:
    """Return the message that tells all of it. `link` is the dashboard's address, "" where it has none."""
    parts = _parts(news, link, revisions, now)
    title = f"[{fleet}] {'; '.join(_heads(news))}"
    body = "\n\n".join(parts)
    subjects = len(news.problems) + len(news.flapping) + len(news.recovered) + len(news.events) + news.omitted
    mark = hashlib.sha256(f"{destination}\0{now}\0{title}\0{body}".encode()).hexdigest()[:16]
    return Message(
        mark, destination, harmless(title, 250), f"{body}\n\nid {mark}", news.severity, now, subjects
    )


def harmless(text: str, longest: int = _LONGEST) -> str:
    """Return text on one line that no chat takes for markup, a mention or a command."""
    flat = printable(" ".join(text.split()))
    cut = flat if len(flat) <= longest else flat[: longest - 1] + "…"
    return cut.replace("<", "‹").replace(">", "›").replace("@", "@\u200b")


def counted(number: int, one: str = "bot") -> str:
    """Return `1 bot` or `37 bots`."""
    return f"{number} {one}{'' if number == 1 else 's'}"


def _heads(news: News) -> list[str]:
    groups = _grouped(news.problems)
    heads = [_head(group) for group in groups[:2]]
    if more := sum(len(group) for group in groups[2:]):
        heads.append(f"{counted(more)} more in trouble")
    if news.flapping:
        names = [fact.name for fact, _ in news.flapping]
        heads.append(f"{names[0] if len(names) == 1 else counted(len(names))} flapping")
    events = _events_grouped(news.events)
    heads += [_event_head(group) for group in events[:2]]
    if len(events) > 2:
        heads.append(f"{len(events) - 2} more events")
    if news.recovered:
        names = [one.subject for one in news.recovered]
        heads.append(f"{names[0] if len(names) == 1 else counted(len(names))} well again")
    return heads


def _head(group: Sequence[Fact]) -> str:
    first = group[0]
    if first.fleet:
        return first.headline
    program = f", program {first.program}" if len(group) > 1 else ""
    return f"{first.name if len(group) == 1 else counted(len(group))} {first.headline}{program}"


def _parts(news: News, link: str, revisions: Mapping[str, Revision], now: float) -> list[str]:
    groups = _grouped(news.problems)
    parts = [_problem(group, link, revisions) for group in groups[:_GROUPS]]
    if left := groups[_GROUPS:]:
        parts.append(
            f"{counted(sum(map(len, left)))} more are in trouble, for {counted(len(left), 'other reason')}"
        )
    if news.flapping:
        parts.append(_flapping(news.flapping))
    parts += [_event(group, link) for group in _events_grouped(news.events)[:_GROUPS]]
    if left_events := _events_grouped(news.events)[_GROUPS:]:
        parts.append(counted(sum(map(len, left_events)), "more event"))
    if news.omitted:
        parts.append(f"{counted(news.omitted, 'earlier event')} not kept: herdsman's audit has all")
    if news.recovered:
        parts.append(_recovered(news.recovered, now))
    return parts


def _grouped(facts: Sequence[Fact]) -> list[list[Fact]]:
    """Return problems of one kind together, the most severe and the largest groups first."""
    groups: dict[tuple[str, ...], list[Fact]] = {}
    for fact in facts:
        key = (fact.subject,) if fact.fleet else (fact.headline, fact.program, fact.revision, fact.mode)
        groups.setdefault(key, []).append(fact)
    return sorted(groups.values(), key=lambda group: (-group[0].severity, -len(group)))


def _problem(group: Sequence[Fact], link: str, revisions: Mapping[str, Revision]) -> str:
    first = group[0]
    lines = [_head(group) if first.fleet else f"{_head(group)}{f' ({first.mode})' if first.mode else ''}"]
    if len(group) > 1:
        lines.append(f"bots: {_names([fact.name for fact in group])}")
    lines.append(f"why: {harmless(first.message)}" if first.message else "")
    if first.revision:
        lines.append(_revision(revisions.get(first.revision) or Revision(first.revision)))
    if to_do := _TO_DO.get(first.reason):
        lines.append(f"do: {to_do.format(bot=first.name)}")
    if link:
        lines.append(f"{link}/" if first.fleet or len(group) > 1 else f"{link}/bots/{first.name}")
    return "\n".join(filter(None, lines))


def _revision(revision: Revision) -> str:
    author = harmless(revision.author.partition("<")[0].strip(), 60)
    said = f': "{harmless(revision.message, 100)}"' if revision.message else ""
    return f"revision {revision.short}{f' by {author}' if author else ''}{said}"


def _flapping(flapping: Sequence[tuple[Fact, int]]) -> str:
    named = ", ".join(f"{fact.name} ({fact.headline}, time {times})" for fact, times in flapping[:_NAMES])
    more = f" and {len(flapping) - _NAMES} more" if len(flapping) > _NAMES else ""
    return f"flapping, told again once they stay well: {named}{more}"


def _recovered(recovered: Sequence[Recovery], now: float) -> str:
    named = ", ".join(_recovery(one, now) for one in recovered[:_NAMES])
    more = f" and {len(recovered) - _NAMES} more" if len(recovered) > _NAMES else ""
    return f"well again: {named}{more}"


def _recovery(one: Recovery, now: float) -> str:
    minutes = max(1, round((now - one.first_at) / 60))
    times = f", {one.times} times" if one.times > 1 else ""
    return f"{one.subject} ({'removed; ' if one.gone else ''}{one.headline}{times}, {minutes} min)"


def _events_grouped(events: Sequence[Event]) -> list[list[Event]]:
    groups: dict[tuple[str, ...], list[Event]] = {}
    for event in events:
        alone = (event.id,) if event.revision else ()
        groups.setdefault((event.headline, event.who, event.why, *alone), []).append(event)
    return sorted(groups.values(), key=lambda group: -group[0].severity)


def _event_head(group: Sequence[Event]) -> str:
    first = group[0]
    if first.revision:
        return f"{first.headline}: {first.revision.short}"
    if first.about is not None and len(group) > 1:
        return f"{counted(len(group))} {first.headline}"
    if first.about is not None:
        return f"{first.subject} {first.headline}"
    return f"{first.headline}: {first.subject}" if first.subject else first.headline


def _event(group: Sequence[Event], link: str) -> str:
    first = group[0]
    by = f" by {harmless(first.who, 60)}" if first.who else ""
    lines = [f"{_event_head(group)}{by}{f': {harmless(first.why)}' if first.why else ''}"]
    if len(group) > 1 and first.about is not None:
        lines.append(f"bots: {_names([one.subject for one in group])}")
    if first.text:
        lines.append(harmless(first.text))
    if first.revision:
        lines.append(_revision(first.revision))
    if to_do := _TO_DO.get(first.headline):
        lines.append(f"do: {to_do}")
    if link:
        alone = first.about is not None and len(group) == 1
        page = f"r/{first.revision.short}" if first.revision else f"bots/{first.subject}" if alone else ""
        lines.append(f"{link}/{page}")
    return "\n".join(lines)


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES])
    return f"{shown} and {len(names) - _NAMES} more" if len(names) > _NAMES else shown


def routes_text(destination: str, settings: AlertSettings) -> str:
    """Return what a destination hears of, in words."""
    routes = routes_to(destination, settings)
    return "; ".join(map(_route_text, routes)) or "no route of herdsman.yaml leads here"


def _route_text(route: Route) -> str:
    selectors = [
        *(f"{name} {'|'.join(values)}" for name, values in _selectors(route) if values),
        *(f"{key}={value}" for key, value in route.labels.items()),
        *(() if route.fleet else ("bots only",)),
    ]
    return f"{route.severity.word} and above{''.join(f', {one}' for one in selectors)}"


def _selectors(route: Route) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("environment", route.environments),
        ("account", route.accounts),
        ("program", route.programs),
        ("mode", route.modes),
    )
