"""Files of log rules: a file is read when it changed; one that does not load leaves its last good rules."""

from collections.abc import Mapping
from dataclasses import replace

from gitops.index import FleetIndex, RuleFile, Survey, any_error
from gitops.programs import megabytes
from gitops.tree import TreeEntry, TreeReader
from schemas.document import MOST_BYTES
from schemas.errors import ManifestError
from schemas.fleet import FleetSettings
from schemas.log_rules import MOST_RULES, LogRule, clashes, parse_rules


def read_rule_files(reader: TreeReader, survey: Survey, known: FleetIndex) -> dict[str, RuleFile]:
    """Return every file of rules, by path; unchanged ones as they were."""
    files = {}
    for path, entry in survey.rules.items():
        before = known.rule_files.get(path)
        files[path] = before if before and before.oid == entry.oid else _read(reader, entry, before)
    return files


def with_rules(
    settings: FleetSettings | None, own_file: str, files: Mapping[str, RuleFile]
) -> tuple[FleetSettings | None, list[ManifestError]]:
    """Return the settings with the rules of all files beside their own, and what is wrong between files.

    Of rules that clash the first stays. `own_file` is where the settings' own stand.
    """
    if settings is None:
        return None, []
    own = [rule for rule in settings.rules if rule.file == own_file]
    rules = [*own, *(rule for path in sorted(files) for rule in files[path].rules)]
    wrong = {one.place: _error(rules[one.place], one.message, one.suggestion) for one in clashes(rules)}
    kept = tuple(rule for place, rule in enumerate(rules) if place not in wrong)
    errors = list(wrong.values())
    if len(kept) > MOST_RULES:
        errors.append(_error(kept[MOST_RULES], f"a fleet may have {MOST_RULES} rules, this is one more"))
    return replace(settings, rules=kept[:MOST_RULES]), errors


def _error(rule: LogRule, message: str, suggestion: str | None = None) -> ManifestError:
    return ManifestError(rule.file, rule.line, 1, "", message, suggestion)


def _read(reader: TreeReader, entry: TreeEntry, before: RuleFile | None) -> RuleFile:
    last = before.rules if before else ()
    if entry.size > MOST_BYTES:
        message = f"The file is {megabytes(entry.size)} large; rules may have {megabytes(MOST_BYTES)}"
        return RuleFile(entry.oid, last, (ManifestError(entry.path, 0, 0, "", message),))
    rules, found = parse_rules(entry.path, reader.read(entry.oid))
    errors = tuple(found)
    return RuleFile(entry.oid, last if rules is None or any_error(errors) else rules, errors)
