"""Finding the fleet's files in a revision: from a full listing, or from what changed since the last one."""

import posixpath
from collections.abc import Iterable, Mapping, Sequence

from gitops.index import Survey
from gitops.tree import TreeChange, TreeEntry

PROGRAM_FILE = "bot-config.yaml"
FLEET_FILE = "herdsman.yaml"
INSTANCE_FOLDER = "bots"
RULE_FOLDER = "rules"
PROGRAM_FOLDER = "programs"
"""Where programs usually lie: a submodule there was meant to be one."""
_INSTANCE_ENDINGS = (".yaml", ".yml", ".json")
_RULE_ENDINGS = (".yaml", ".yml")


def survey_listing(entries: Sequence[TreeEntry], subfolder: str) -> Survey:
    """Sort all entries of a revision into programs, instances, links and the fleet's settings."""
    trees = {entry.path: entry.oid for entry in entries if entry.is_tree}
    programs = {
        folder: trees.get(folder, "")
        for entry in entries
        if entry.is_file and (folder := program_folder(entry.path)) is not None
    }
    settings_path = posixpath.join(subfolder, FLEET_FILE)
    return Survey(
        programs,
        {e.path: e for e in entries if e.is_file and is_instance(e.path, subfolder, programs)},
        {e.path: e for e in entries if e.is_link or e.is_submodule},
        next((e for e in entries if e.path == settings_path and e.is_file), None),
        {e.path: e for e in entries if e.is_file and is_rule_file(e.path, subfolder, programs)},
        frozenset(e.path for e in entries if e.is_file and _is_swallowed(e.path, subfolder, programs)),
    )


def survey_changes(before: Survey, changes: Sequence[TreeChange], subfolder: str) -> Survey | None:
    """Return the survey after these changes, or None where only a full listing can tell."""
    # Where a folder became a link, one path is both gone and new: what is gone goes first.
    changes = sorted(changes, key=lambda change: change.entry is not None)
    programs = _changed_programs(before.programs, changes)
    bots = posixpath.join(subfolder, INSTANCE_FOLDER) + "/"
    moved = programs.keys() ^ before.programs.keys()
    rules_folder = posixpath.join(subfolder, RULE_FOLDER) + "/"
    if any(f"{folder}/".startswith((bots, rules_folder)) for folder in moved):
        return None  # what lies around them is now an instance, or is one no more
    instances = dict(before.instances)
    links, swallowed, rules = dict(before.links), set(before.swallowed), dict(before.rules)
    fleet = before.fleet
    settings_path = posixpath.join(subfolder, FLEET_FILE)
    for change in changes:
        entry = change.entry
        instances.pop(change.path, None)
        links.pop(change.path, None)
        rules.pop(change.path, None)
        swallowed.discard(change.path)
        if entry and (entry.is_link or entry.is_submodule):
            links[change.path] = entry
        elif entry and entry.is_file and is_instance(change.path, subfolder, programs):
            instances[change.path] = entry
        elif entry and entry.is_file and _is_swallowed(change.path, subfolder, programs):
            swallowed.add(change.path)
        elif entry and entry.is_file and is_rule_file(change.path, subfolder, programs):
            rules[change.path] = entry
        if change.path == settings_path:
            fleet = entry if entry and entry.is_file else None
    return Survey(programs, instances, links, fleet, rules, frozenset(swallowed))


def _changed_programs(before: Mapping[str, str], changes: Iterable[TreeChange]) -> dict[str, str]:
    programs = dict(before)
    trees = {change.path: change.entry.oid for change in changes if change.entry and change.entry.is_tree}
    for change in changes:
        folder = program_folder(change.path)
        if folder is None:
            continue
        if change.entry and change.entry.is_file:
            programs[folder] = trees.get(folder, "")
        else:
            programs.pop(folder, None)
    programs.update({folder: trees[folder] for folder in programs.keys() & trees.keys()})
    return programs


def program_folder(path: str) -> str | None:
    """Return the folder that a program's manifest makes a program; None for any other file."""
    folder, _, name = path.rpartition("/")
    return folder if name == PROGRAM_FILE else None


def is_rule_file(path: str, subfolder: str, programs: Mapping[str, str]) -> bool:
    """Return whether a file holds log rules: a document under `rules/` that is no part of a program."""
    if not (path.startswith(posixpath.join(subfolder, RULE_FOLDER) + "/") and path.endswith(_RULE_ENDINGS)):
        return False
    return not any(path.startswith(f"{folder}/") for folder in programs)


def is_instance(path: str, subfolder: str, programs: Mapping[str, str]) -> bool:
    """Return whether a file declares a bot: a document under `bots/` that is no part of a program."""
    bots = posixpath.join(subfolder, INSTANCE_FOLDER) + "/"
    if not _is_among_instances(path, subfolder):
        return False
    folder = posixpath.dirname(path)
    while len(folder) >= len(bots):
        if folder in programs:
            return False
        folder = posixpath.dirname(folder)
    return True


def _is_swallowed(path: str, subfolder: str, programs: Mapping[str, str]) -> bool:
    """Return whether a file would declare a bot, if a program's manifest did not lie above it."""
    return _is_among_instances(path, subfolder) and not is_instance(path, subfolder, programs)


def _is_among_instances(path: str, subfolder: str) -> bool:
    bots = posixpath.join(subfolder, INSTANCE_FOLDER) + "/"
    return path.startswith(bots) and path.endswith(_INSTANCE_ENDINGS)
