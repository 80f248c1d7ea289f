"""Whether a condition is true of a bot now, false, or not known, and why in words."""

from collections.abc import Callable, Sequence

from schemas.conditions import (
    AllOf,
    Anomaly,
    AnyOf,
    Breaks,
    Change,
    Condition,
    Errs,
    Happens,
    IsJudged,
    Leaf,
    Level,
    NoData,
    Not,
    Subject,
    Threshold,
)
from telemetry.alerts.anomaly import LEAST_SIBLINGS, robust_z
from telemetry.alerts.states import Found
from telemetry.alerts.values import Labels, Last, Point, key_of
from telemetry.alerts.watch import Watch, labels_text, slot_name
from telemetry.units import lasting, measured, unit_of

_READABLE = frozenset({"bytes", "bytes/s", "%", "s", "ms"})
"""Units in which a level is said as its value is."""
GONE_AFTER = 3600.0
"""Seconds without a sample after which a value says nothing any more of how things are."""
UNKNOWN = Found(None)
Siblings = Callable[[Watch, Subject], Sequence[float]]
"""Returns the newest values of a bot's siblings: the others of its program, environment and mode."""


def judge(condition: Condition, watch: Watch, now: float, latched: bool, siblings: Siblings) -> Found:
    """Return what a condition comes to; `latched`: it was true, so that it holds until it is clear."""
    if isinstance(condition, AllOf):
        return _all([judge(one, watch, now, latched, siblings) for one in condition.parts])
    if isinstance(condition, AnyOf):
        return _any([judge(one, watch, now, latched, siblings) for one in condition.parts])
    if isinstance(condition, Not):
        found = judge(condition.part, watch, now, latched, siblings)
        if found.truth is None:
            return found
        said = f"not: {found.text}" if found.text else ""
        return Found(not found.truth, said, found.value, found.samples, found.came, found.unit)
    return _leaf(condition, watch, now, latched, siblings)


def _all(parts: Sequence[Found]) -> Found:
    for one in parts:
        if one.truth is False:
            return one
    if any(one.truth is None for one in parts):
        return UNKNOWN
    return _joined(True, parts, _AND)


def _any(parts: Sequence[Found]) -> Found:
    true = [one for one in parts if one.truth]
    if true:
        return _joined(True, true, "; ")
    if any(one.truth is None for one in parts):
        return UNKNOWN
    return _joined(False, parts, "; ")


def _joined(truth: bool, parts: Sequence[Found], word: str) -> Found:
    first = next((one for one in parts if one.value is not None), parts[0])
    came = [one.came for one in parts if one.came is not None]
    text = word.join(one.text for one in parts if one.text)
    if word == _AND:
        return Found(truth, text, first.value, first.samples, min(came, default=None), first.unit)
    newest = max(came) if len(came) == len(parts) else None
    return Found(truth, text, first.value, first.samples, newest, first.unit)


_AND = " and "


def _leaf(leaf: Leaf, watch: Watch, now: float, latched: bool, siblings: Siblings) -> Found:
    if isinstance(leaf, Threshold):
        return _threshold(leaf, watch, now, latched)
    if isinstance(leaf, Change):
        return _change(leaf, watch, now)
    if isinstance(leaf, Anomaly):
        return _anomaly(leaf, watch, now, siblings)
    if isinstance(leaf, NoData):
        return _silence(leaf, watch)
    if isinstance(leaf, Happens):
        return _happened(leaf, watch, now)
    if isinstance(leaf, Errs):
        return _errors(leaf, watch, now)
    if isinstance(leaf, Breaks):
        return watch.broken.get(leaf.limit, Found(False))
    return _verdict(leaf, watch)


def _points(of: Subject, watch: Watch, now: float) -> list[Last]:
    """Return the newest values of what is measured, of the series that are not gone.

    A figure is never gone: it stands until a line moves it. Nor is anything of a bot that is not meant to
    run: once it runs again, what it says first is no news.
    """
    slot = watch.slots.get(slot_name(of))
    if slot is None:
        return []
    found = slot.matching(of.labels)
    if of.figure or not watch.profile.running:
        return found
    return [one for one in found if now - max(one.came, watch.resumed_at) <= GONE_AFTER]


def _threshold(leaf: Threshold, watch: Watch, now: float, latched: bool) -> Found:
    points = _points(leaf.of, watch, now)
    if not points:
        return _nothing(leaf.of, watch)
    for level, sign, word in ((leaf.above, 1.0, "above"), (leaf.below, -1.0, "below")):
        if level is None:
            continue
        used = leaf.clear if latched and leaf.clear is not None else level
        found = _farthest(points, [watch.limit_of(leaf, used, one.labels) for one in points], sign)
        if found is not None:
            point, bound = found
            unit = _unit(leaf.of, point.labels)
            said = f"{_measured(leaf.of, point)}, {word} {_bound_text(used, bound, unit)}"
            return Found(True, said, point.value, _recent(leaf.of, watch), point.came, unit)
    first = points[0]
    unit = _unit(leaf.of, first.labels)
    return Found(False, _measured(leaf.of, first), first.value, _recent(leaf.of, watch), unit=unit)


def _farthest(
    points: Sequence[Last], bounds: Sequence[float | None], sign: float
) -> tuple[Last, float] | None:
    """Return the value that is farthest beyond its bound with that bound, None where none is beyond."""
    beyond = [
        (one, bound)
        for one, bound in zip(points, bounds, strict=True)
        if bound is not None and (one.value - bound) * sign > 0
    ]
    return max(beyond, key=lambda pair: (pair[0].value - pair[1]) * sign, default=None)


def _measured(of: Subject, point: Last) -> str:
    unit = _unit(of, point.labels)
    return f"{_named(of, point.labels)} is {measured(point.value, unit)}"


def _nothing(of: Subject, watch: Watch) -> Found:
    """Return what no value comes to: one that vanished is no problem by itself, one never seen unknown."""
    slot = watch.slots.get(slot_name(of))
    if slot is not None and slot.points:
        return Found(False, f"{of.name} has had no value for an hour")
    return UNKNOWN


def _change(leaf: Change, watch: Watch, now: float) -> Found:
    slot = watch.slots.get(slot_name(leaf.of))
    points = _points(leaf.of, watch, now)
    if slot is None or not points:
        return UNKNOWN
    history = slot.histories[leaf.over]
    worst: Found = UNKNOWN
    for point in points:
        before = [one for past in history.since(_own(point.labels), now - leaf.over) for one in past]
        if not before:
            continue
        found = _moved(leaf, point, before)
        if found.truth:
            return found
        worst = found
    return worst


def _own(labels: Labels) -> dict[str, str]:
    return dict(key_of(labels))


def _moved(leaf: Change, point: Last, before: Sequence[Point]) -> Found:
    span, name, value = f"within {lasting(leaf.over)}", _named(leaf.of, point.labels), point.value
    unit = _unit(leaf.of, point.labels)
    samples = (*before[-7:], (point.at, value))
    for level, sign, word in ((leaf.rises, 1.0, "rose"), (leaf.falls, -1.0, "fell")):
        if level is None:
            continue
        start = (min if sign > 0 else max)(value for _, value in before)
        moved = (value - start) * sign
        share = moved / abs(start) * 100 if start else None
        amount = share if level.percent else moved
        if amount is not None and amount >= level.amount:
            by = f"{share:.3g}%" if level.percent else measured(moved, unit)
            said = f"{name} {word} by {by} {span}, from {measured(start, unit)} to {measured(value, unit)}"
            return Found(True, said, value, samples, point.came, unit)
    return Found(False, _measured(leaf.of, point), value, samples, unit=unit)


def _anomaly(leaf: Anomaly, watch: Watch, now: float, siblings: Siblings) -> Found:
    slot = watch.slots.get(slot_name(leaf.of))
    points = _points(leaf.of, watch, now)
    if slot is None or not points:
        return UNKNOWN
    history = slot.histories[leaf.over]
    if not history.whole and now < watch.known_since + leaf.over:
        return UNKNOWN  # of a part of the past anything may look unusual
    found: Found = UNKNOWN
    for point in points:
        if leaf.siblings:
            z = robust_z(point.value, siblings(watch, leaf.of), LEAST_SIBLINGS)
        else:
            past = [one for known in history.since(_own(point.labels), now - leaf.over) for one in known]
            z = robust_z(point.value, [value for at, value in past if at < point.at])
        if z is None:
            continue
        against = "its siblings" if leaf.siblings else f"its last {lasting(leaf.over)}"
        said = f"{_measured(leaf.of, point)}, {z:+.1f} deviations from {against}"
        unit = _unit(leaf.of, point.labels)
        found = Found(abs(z) > leaf.score, said, point.value, _recent(leaf.of, watch), point.came, unit)
        if found.truth:
            return found
    return found


def silent_since(leaf: NoData, watch: Watch) -> float:
    """Return since when nothing came."""
    if leaf.metric:
        slot = watch.slots.get(leaf.metric)
        return max(slot.at if slot else 0.0, watch.started_at)
    return max(watch.seen_at.get(leaf.kind, 0.0), watch.started_at)


def _silence(leaf: NoData, watch: Watch) -> Found:
    """Judge a silence by what was heard: while nothing is heard of the bot's process, nothing is known."""
    if not watch.profile.running:
        return Found(False, "the bot is not meant to run")
    quiet = max(watch.heard_at - silent_since(leaf, watch), 0.0)
    what = leaf.metric or (f"{leaf.kind} line" if leaf.kind else "line")
    if quiet >= leaf.after:
        return Found(True, f"no {what} for {lasting(quiet)}", quiet, unit="s")
    return Found(False, f"{what}s come", quiet, unit="s")


def _happened(leaf: Happens, watch: Watch, now: float) -> Found:
    times = watch.happened.get(id(leaf), ())
    recent = [at for at in times if at > now - leaf.within]
    what = leaf.kind or leaf.text or leaf.level
    more = f"{len(recent)} times " if leaf.count > 1 else ""
    if len(recent) >= leaf.count:
        fields = ", ".join(f"{name} {value}" for name, value in leaf.fields.items())
        said = f"{what}{f' ({fields})' if fields else ''} {more}within {lasting(leaf.within)}"
        return Found(True, said, float(len(recent)), tuple((at, 1.0) for at in recent[-8:]))
    return Found(False, f"{what} {len(recent)} times within {lasting(leaf.within)}", float(len(recent)))


def _errors(leaf: Errs, watch: Watch, now: float) -> Found:
    fresh = [
        (at, what, text)
        for at, what, text in watch.news.values()
        if at > now - leaf.within and (leaf.what == "any" or what == leaf.what)
    ]
    if len(fresh) >= leaf.count:
        _, what, text = fresh[-1]
        more = f", and {len(fresh) - 1} more" if len(fresh) > 1 else ""
        return Found(True, f"{what} error: {text}{more}", float(len(fresh)))
    return Found(False, f"no {'' if leaf.what == 'any' else leaf.what} error for {lasting(leaf.within)}", 0.0)


def _verdict(leaf: IsJudged, watch: Watch) -> Found:
    if not watch.judged:
        return UNKNOWN
    found = next((word for word in watch.judged if word in leaf.verdicts), None)
    if found is None:
        return Found(False, next(iter(watch.judged)).replace("_", " "))
    return Found(True, watch.judged[found] or found.replace("_", " "))


def _recent(of: Subject, watch: Watch) -> tuple[Point, ...]:
    slot = watch.slots.get(slot_name(of))
    return tuple(slot.recent) if slot else ()


def _named(of: Subject, labels: Labels) -> str:
    """Return what is measured, with the labels that its unit does not say already."""
    said = _unit(of, labels) if of.figure else ""
    own = labels_text({name: word for name, word in labels.items() if name != "currency" or word != said})
    return f"{of.name} ({own})" if own else of.name


def _bound_text(level: Level, bound: float, unit: str) -> str:
    if unit == "share":
        return measured(bound, unit)
    if level.percent:
        return f"{level.text} ({measured(bound, unit)})"
    return measured(bound, unit) if unit in _READABLE else level.text


def _unit(of: Subject, labels: Labels) -> str:
    return unit_of(of.name, figure=of.figure, currency=labels.get("currency", ""))
