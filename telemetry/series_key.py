"""A quick way from a sample to what a store knows of its series."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from telemetry.records import Sample

Known = TypeVar("Known")
_MOST = 200_000


class SeriesKeys(Generic[Known]):
    """Remembers one thing for each series.

    Label mappings are shared by a series' samples, so their identity finds it without hashing their content;
    each mapping is kept here, so that its identity cannot pass to another.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[Mapping[str, str], Known]] = {}

    def get(self, sample: Sample) -> Known | None:
        """Return what was put for the sample's series."""
        found = self._known.get((sample.name, id(sample.labels)))
        return None if found is None else found[1]

    def put(self, sample: Sample, known: Known) -> None:
        """Remember something for the sample's series."""
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[sample.name, id(sample.labels)] = (sample.labels, known)

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()
