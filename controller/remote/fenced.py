"""The scheduler of a controller that leads: where it does not lead any more, nothing is changed."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from controller.records import OtherJob, Rules
from controller.schedulers.protocol import (
    Launch,
    NodeReport,
    Observation,
    ObservedBot,
    Placed,
    Question,
    Scheduler,
    SchedulerEvent,
    StateHold,
)
from schemas.state import StatePlace


class FencedScheduler:
    """A `Scheduler` that calls `check` before every change; what it raises keeps the change from being made.

    A change that is on its way when the lead is lost meets the scheduler's own compare-and-set.
    """

    def __init__(self, scheduler: Scheduler, check: Callable[[], None]) -> None:
        self._scheduler = scheduler
        self._check = check

    @property
    def kind(self) -> str:
        """Return the scheduler's own kind."""
        return self._scheduler.kind

    async def open(self) -> None:
        """Connect."""
        self._check()
        await self._scheduler.open()

    async def observe(self) -> Observation:
        """Return every bot."""
        return await self._scheduler.observe()

    async def nodes(self) -> list[NodeReport]:
        """Return the machines that bots may run on."""
        return await self._scheduler.nodes()

    async def observe_bot(self, name: str) -> ObservedBot | None:
        """Return one bot."""
        return await self._scheduler.observe_bot(name)

    async def apply(self, launch: Launch, expected: str | None) -> str:
        """Start or update a bot."""
        self._check()
        return await self._scheduler.apply(launch, expected)

    async def rehearse(self, launch: Launch) -> None:
        """Raise what applying a new bot would."""
        self._check()
        await self._scheduler.rehearse(launch)

    async def outdated(self, launch: Launch) -> tuple[str, ...]:
        """Return what would be rendered otherwise of a bot's job now."""
        return await self._scheduler.outdated(launch)

    async def stop(self, name: str, expected: str | None, reason: str, rule: str = "") -> None:
        """Ask a bot to stop."""
        self._check()
        await self._scheduler.stop(name, expected, reason, rule)

    async def rules(self) -> Rules | None:
        """Return the fleet's rules as they are kept beside the jobs."""
        return await self._scheduler.rules()

    async def keep_rules(self, rules: Rules) -> None:
        """Keep the fleet's rules, and have its kill switches take effect."""
        self._check()
        await self._scheduler.keep_rules(rules)

    async def restart(self, name: str, reason: str) -> None:
        """Restart a bot's process."""
        self._check()
        await self._scheduler.restart(name, reason)

    async def query(self, name: str, question: Question) -> str:
        """Ask a bot's query program."""
        self._check()
        return await self._scheduler.query(name, question)

    async def remove(self, name: str) -> None:
        """Forget a stopped bot's job."""
        self._check()
        await self._scheduler.remove(name)

    async def placed(self, allocation: str) -> Placed | None:
        """Return whose an allocation is."""
        return await self._scheduler.placed(allocation)

    async def others(self) -> list[OtherJob]:
        """Return the jobs that are not this fleet's."""
        return await self._scheduler.others()

    async def end_other(self, job: str, expected: str) -> bool:
        """Ask a job without any fleet's mark to stop."""
        self._check()
        return await self._scheduler.end_other(job, expected)

    async def recall_state(self, name: str, place: StatePlace) -> None:
        """Record where a bot's newest state is, where nothing is remembered of it."""
        self._check()
        await self._scheduler.recall_state(name, place)

    def hold_state(self, name: str) -> AbstractAsyncContextManager[StateHold]:
        """Hold a bot's lease for a moment."""
        self._check()
        return self._scheduler.hold_state(name)

    def events(self) -> AsyncIterator[SchedulerEvent]:
        """Yield moves as they happen."""
        return self._scheduler.events()

    async def close(self) -> None:
        """Let go."""
        await self._scheduler.close()
