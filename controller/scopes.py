"""Which bots an operator means: one, those of a label, an account, a program or a mode, or all.

Pure. A scope is a text such as `account=binance-1`; a bot has a set of them, so that a rule is about a bot
where the rule's scope is one of the bot's own. The launcher compares the same texts.
"""

import shlex
from collections.abc import Mapping

from schemas.bot import BotSpec, Mode
from schemas.errors import UsageError

ALL = "all"
KINDS = ("bot", "label", "account", "live-account", "dry-account", "program", "mode")
_OF_ACCOUNT = {f"{mode.value}-account": mode.value for mode in Mode}
LONGEST = 300


def scopes_of(spec: BotSpec) -> frozenset[str]:
    """Return every scope that a bot is in; a label is in one by its key and in one by key and value."""
    named = {
        ALL,
        bot_scope(spec.name),
        f"program={spec.program.name}",
        f"mode={spec.mode.value}",
        *label_scopes(spec.labels),
    }
    if spec.account:
        named |= {f"account={spec.account}", account_scope(spec.account, spec.mode.value)}
    return frozenset(named)


def label_scopes(labels: Mapping[str, str]) -> set[str]:
    """Return the scopes of labels."""
    return {f"label={key}" for key in labels} | {f"label={key}={value}" for key, value in labels.items()}


def bot_scope(name: str) -> str:
    """Return the scope of one bot alone."""
    return f"bot={name}"


def account_scope(account: str, mode: str) -> str:
    """Return the scope of an account's bots of one mode."""
    return f"{mode}-account={account}"


def checked_scope(scope: str) -> str:
    """Return a scope that somebody wrote. Raises UsageError where it is none."""
    kind, mark, value = scope.partition("=")
    if scope == ALL or (kind in KINDS and mark and value and len(scope) <= LONGEST):
        if kind == "mode" and value not in {mode.value for mode in Mode}:
            raise UsageError(f'"{value}" is no mode: bots are live or dry')
        return scope
    known = ", ".join(f"{one}=..." for one in KINDS)
    raise UsageError(f'"{scope[:80]}" says not which bots are meant: use "all", or one of {known}')


def scope_words(scope: str) -> str:
    """Return a scope for people: `all bots`, `account binance-1`, `label team=core`, `live bots`."""
    kind, _, value = scope.partition("=")
    if scope == ALL:
        return "all bots"
    if kind in _OF_ACCOUNT:
        return f"{_OF_ACCOUNT[kind]} bots of account {value}"
    return f"{value} bots" if kind == "mode" else f"{kind} {value}"


def scope_options(scope: str) -> str:
    """Return a scope as the command line takes it: `--all`, `--account binance-1`, or a bot's name."""
    kind, _, value = scope.partition("=")
    if scope == ALL:
        return "--all"
    if kind in _OF_ACCOUNT:
        return f"--account {shlex.quote(value)} --mode {_OF_ACCOUNT[kind]}"
    return value if kind == "bot" else f"--{kind} {shlex.quote(value)}"
