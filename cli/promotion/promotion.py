"""A promotion: what is carried from one environment to another, and the manifests as they will be."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.promotion.choosing import VERSION, Carried, Left, carried, check_environments, pairs
from cli.promotion.editing import with_value
from gitops.desired import DesiredState
from gitops.instances import environment_of
from gitops.states import state_of_folder
from schemas.document import Document
from schemas.errors import ManifestError, UsageError
from schemas.yaml_document import load_document

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Promotion:
    """What one environment takes over from another.

    `texts` are the manifests that change, by their path in `root`, as they will be; `errors` are the mistakes
    that the fleet has already.
    """

    root: Path
    source: str
    target: str
    carried: tuple[Carried, ...]
    left: tuple[Left, ...]
    texts: Mapping[str, str]
    errors: frozenset[tuple[str, str, str]]

    @property
    def subject(self) -> str:
        """What a commit of it is called."""
        bots = sorted({one.bot for one in self.carried})
        versions = {one.after for one in self.carried if one.path == (VERSION,)}
        at = f" {versions.pop()}" if len(versions) == 1 else ""
        more = f" and {len(bots) - _NAMED} more" if len(bots) > _NAMED else ""
        return f"Promote{at} from {self.source} to {self.target}: {', '.join(bots[:_NAMED])}{more}"


def find_promotion(
    root: Path, source: str, target: str, what: Collection[str], parameters: Collection[str] | None
) -> Promotion:
    """Return what would be carried, in a folder that nothing is written to.

    `what` names programs and bots, all where it is empty; `parameters` are carried beside the version, all
    that are set where it is None. Raises UsageError.
    """
    if source == target:
        raise UsageError(
            f"{source} is one environment: name the one to promote from, and the one to promote to"
        )
    state = state_of_folder(root)
    check_environments(state, (source, target))
    found, alone = pairs(state, source, target, what)
    every: list[Carried] = []
    left = [*alone, *_unread(state, source, target)]
    documents: dict[str, Document] = {}
    for pair in found:
        document = _read(root, pair.target.path)
        for one in carried(pair, _read(root, pair.source.path), document, parameters):
            if isinstance(one, Left):
                left.append(one)
            else:
                every.append(one)
                documents[one.file] = document = with_value(document, one.path, one.after)
    texts = {file: document.text for file, document in documents.items()}
    return Promotion(
        root, source, target, tuple(every), tuple(left), texts, frozenset(map(_identity, state.errors))
    )


@contextmanager
def written(found: Promotion) -> Iterator[Callable[[], None]]:
    """Write the manifests; they are as they were afterwards, unless what is yielded was called."""
    before = {name: (found.root / name).read_bytes() for name in found.texts}
    kept: list[bool] = []
    try:
        for name, text in found.texts.items():
            (found.root / name).write_bytes(text.encode())
        yield lambda: kept.append(True)
    finally:
        if not kept:
            for name, content in before.items():
                (found.root / name).write_bytes(content)


def introduced(found: Promotion) -> tuple[ManifestError, ...]:
    """Return the mistakes that the written promotion brings into the fleet."""
    errors = state_of_folder(found.root).errors
    return tuple(one for one in errors if not one.warning and _identity(one) not in found.errors)


def _unread(state: DesiredState, *environments: str) -> Iterator[Left]:
    """Yield the manifests of these environments that nobody can say anything of."""
    for path in sorted(state.failed_paths):
        if environment_of(path, state.settings, "") in environments:
            yield Left(path, "it has mistakes, so nothing is carried from it or to it: `herdsman validate`")


def _read(root: Path, path: str) -> Document:
    document, errors = load_document(path, (root / path).read_bytes())
    if document is None or errors:
        raise UsageError(f"{path} cannot be read: `herdsman validate` says why")
    return document


def _identity(error: ManifestError) -> tuple[str, str, str]:
    return error.file, error.pointer, error.message
