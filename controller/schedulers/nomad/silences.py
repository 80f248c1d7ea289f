"""Since when nodes are silent that bots were placed on, by a clock that nobody sets."""

from collections.abc import Callable

from controller.schedulers.nomad.reading import Placement


class Silences:
    """Counts from when a placement was first seen to be lost; `steady` returns monotonic seconds."""

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self._since: dict[str, tuple[str, float]] = {}
        """By job: the lost placement, and since when."""

    def lasts(self, job: str, lost: Placement | None) -> float:
        """Return the seconds since a job's placement was first seen to be lost, 0 where it is not."""
        if lost is None:
            self._since.pop(job, None)
            return 0.0
        allocation, since = self._since.get(job, ("", 0.0))
        if allocation != lost.id:
            since = self._steady()
            self._since[job] = lost.id, since
        return self._steady() - since
