"""The launcher's life: prepare, take the lease, run the bot, and start it again or end.

Every wait goes through `Loop.turn`, so that output, signals and the lease are never left alone.
"""

import time

from controller.launcher.custody import Custody
from controller.launcher.fence import LONGEST_CALL
from controller.launcher.files import LogFile, last_line, read, replace
from controller.launcher.keeper import Keeper, now
from controller.launcher.kill_switch import KillSwitch
from controller.launcher.loop import Loop
from controller.launcher.memory import REASON, MemoryKills
from controller.launcher.preparation import Unprepared, folders
from controller.launcher.processes import SIGKILL, Program, StartFailed, end_strays, kill_left_behind, start
from controller.launcher.query_server import QueryServer
from controller.launcher.reporting import Reports
from controller.launcher.run import KILL, LEASE, STOP, Run, clear_result, explanation, outcome, read_result
from controller.launcher.streams import Pump
from controller.launcher.surroundings import (
    MissingSecret,
    UnknownRuntime,
    command,
    environment,
    make_folders,
    mark,
    secret_values,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_RETRY_STATE, _LONGEST_RETRY_STATE = 1.0, 10.0
"""Seconds between two looks for a state that is not here; a node that ended well saves it at once."""
_RETRY_SWITCH = 1.0
"""Seconds between two looks at a kill switch that is on, which the loop hears of by itself."""
_SAY_AGAIN = 60.0
"""Seconds between two reports that a bot still runs."""
_AGAIN = 0.1
"""Seconds between two looks at what was left behind and is being killed."""
_LOG_DELAY = 0.1
"""Seconds that another collector (Nomad's) may take to write a bot's last line into its file."""


class Supervisor:
    """Runs one order to its end (`own`: the launcher's environment)."""

    def __init__(
        self,
        order: "dict[str, Any]",
        own: dict[str, str],
        keeper: Keeper,
        reports: Reports,
        loop: Loop,
        switch: KillSwitch,
    ) -> None:
        self._order, self._own = order, own
        self._keeper, self._reports, self._loop, self._switch = keeper, reports, loop, switch
        self._queries = QueryServer(order, own, reports.logs)
        self._scheduled = order["type"] == "scheduled"
        self._custody = Custody(order, keeper, reports)
        self._attempts = self._crashes = self._looks = 0
        self._say_every = order.get("report_every", _SAY_AGAIN)
        self._failed = False
        self._memory = MemoryKills()

    def live(self) -> int:
        """Do all of it; 0 after a planned stop, a skipped start or a good run, else 1."""
        make_folders(self._order)
        if self._keeper.predecessor_is_dead:  # also where we can have no lease, being cut off
            self._clear_up()
        while not self._loop.stop:
            self._loop.pause(self._once())
            if self._scheduled:
                break
        if self._keeper.let_go():
            self._custody.end()
            self._reports.write("lease_released")
        return 1 if self._failed and not self._loop.stop else 0

    def _clear_up(self) -> None:
        """End what an earlier launcher here left when its guard was killed with it."""
        if not self._attempts and read(self._attempt_file) is not None:
            while kill_left_behind(mark(self._order), "") and not self._loop.stop:
                self._loop.pause(_AGAIN)

    @property
    def _attempt_file(self) -> str:
        return f"{self._order['paths']['work']}/attempt"

    def _once(self) -> float:
        """Run the bot once, and return the seconds until it may start again."""
        try:
            code, dependencies = folders(self._order, self._reports, self._loop)
            if not self._leased():
                return 0
            return self._follow(self._start(code, dependencies))
        except (Unprepared, StartFailed, MissingSecret, UnknownRuntime) as trouble:
            return self._refused(str(trouble))

    def _refused(self, message: str) -> float:
        """Report that the bot could not be started; it is tried again as after a crash."""
        self._failed = True
        delay = self._backoff()
        if not self._loop.stop:
            self._reports.write("failed", message=message, restart_in=delay)
        return delay or 0

    def _backoff(self) -> float | None:
        """Return the seconds to wait after one more crash; None for a scheduled bot."""
        if self._scheduled or self._loop.stop:
            return None
        policy = self._order["restart"]
        self._crashes += 1
        return float(min(policy["first_delay"] * 2 ** min(self._crashes - 1, 32), policy["max_delay"]))

    def _leased(self) -> bool:
        """Wait for the lease, and to be on the node that has the state; False where the wait was ended."""
        if self._keeper.lost() or (self._killed() and self._keeper.held):
            self._keeper.let_go()
            self._custody.end()
        reported, patience = ("", ""), now() + 2 * self._order["lease"]["ttl"]
        while not self._keeper.held and not self._loop.stop:
            reason, message, pause = self._take()
            if reason and self._scheduled and (now() >= patience or reason == KILL):
                what = "overlap" if reason == "lease" else reason
                self._reports.write("skipped", reason=what, message=message)
                return False
            if reason and (reason, message) != reported:
                self._reports.write("waiting", reason=reason, message=message)
                reported = (reason, message)
            self._loop.pause(pause)
        self._clear_up()
        return not self._loop.stop

    def _killed(self) -> str:
        """Return why a kill switch keeps the bot from running, "" where none does."""
        return self._switch.reason

    def _take(self) -> tuple[str, str, float]:
        """Ask for lease and state; return why the bot must wait ("" where it need not), and for how long."""
        if self._killed():
            return KILL, self._killed(), _RETRY_SWITCH
        if not self._keeper.take():
            return "lease", self._keeper.reason, self._keeper.retry_after
        if not self._switch.look(LONGEST_CALL):
            self._keeper.let_go()
            return "lease", self._switch.refused, self._keeper.retry_after
        if self._killed():
            self._keeper.let_go()
            return KILL, self._killed(), _RETRY_SWITCH
        missing = self._custody.fetch(self._loop)
        if missing:
            self._keeper.let_go()
            self._looks += 1
            return "state_elsewhere", missing, min(_RETRY_STATE * self._looks, _LONGEST_RETRY_STATE)
        self._looks = 0
        self._reports.write("lease_acquired")
        return "", "", 0

    def _start(self, code: str, dependencies: str) -> Run:
        clear_result(self._order)
        self._conceal()
        given = environment(self._order, self._own, code, dependencies) | self._queries.prepare()
        program = Program(command(self._order, dependencies), given, code)
        attempt = self._count()
        started_at = time.time()  # before it can print its first line
        self._memory = MemoryKills()
        pid = self._execute(program)
        run = Run(pid, attempt, started_at, self._order, self._keeper.may_ask)
        self._reports.write("started", **run.identity(), started_at=run.started_at)
        self._queries.begin(code, dependencies, self._loop)
        return run

    def _conceal(self) -> None:
        """Have nobody tell the values of secrets, before there is a line that could."""
        if not self._order["secrets"]:
            return
        from controller.launcher.handed import tell_agent

        values = secret_values(self._order, self._own)
        self._reports.hide(values)
        try:
            tell_agent(self._order, values)
        except OSError as error:
            raise StartFailed(f"the bot's secrets could not be kept out of its output: {error}") from error

    def _execute(self, program: Program) -> int:
        """Start the bot's process with its streams connected, and return its id."""
        try:
            pumps = self._pumps()
        except OSError as error:
            raise StartFailed(f"the bot's output cannot be written: {error}") from error
        streams = (pumps[0].writing, pumps[1].writing) if pumps else (1, 2)
        self._loop.carry(pumps)
        try:
            self._keeper.stand_guard()
            pid = start(program, streams, self._keeper.inherited)
        except StartFailed:
            self._keeper.stand_down()
            for pump in pumps:
                pump.hand_over()
            self._loop.finish_streams()
            raise
        for pump in pumps:
            pump.hand_over()
        return pid

    def _count(self) -> int:
        """Count the starts of this allocation, over every life of its launcher."""
        path = self._attempt_file
        known = (read(path) or "").strip()
        self._attempts = max(self._attempts, int(known) if known.isdecimal() else 0) + 1
        try:
            replace(path, str(self._attempts))
        except OSError:  # a full disk; this life at least counts on
            return self._attempts
        return self._attempts

    def _pumps(self) -> list[Pump]:
        output, task = self._order["output"], self._order["task"]
        if not output["pump"]:
            return []
        return [
            Pump(LogFile(self._reports.logs, f"{task}.{stream}", output["size"], output["files"]))
            for stream in ("stdout", "stderr")
        ]

    def _follow(self, run: Run) -> float:
        """Stay with a run until it and all that it started are gone; return the pause after it."""
        said = now()
        while run.pid not in self._loop.ended:
            self._urge(run)
            said = self._say_again(run, said)
            self._keeper.attend_guard(self._loop.ended)
            self._queries.attend(self._loop.ended)
            events = (run.next_event(), self._keeper.next_event(), self._queries.next_event())
            self._loop.turn(min(*events, said + self._say_every))
        run.code = self._loop.ended.pop(run.pid)
        run.clear_group()
        end_strays()
        self._keeper.stand_down()
        self._queries.end()
        self._loop.finish_streams()
        self._keeper.settle()
        return self._account(run)

    def _say_again(self, run: Run, said: float) -> float:
        """Report now and then that a run goes on; return when that was said last."""
        if now() < said + self._say_every:
            return said
        self._reports.write("running", **run.identity(), started_at=run.started_at)
        return now()

    def _urge(self, run: Run) -> None:
        """Ask the bot to end where it must, and make it where it does not."""
        if self._loop.stop:
            run.ask_to_end(STOP)
        if self._killed():
            run.ask_to_end(KILL)
        if self._keeper.lost() and run.ask_to_end(LEASE):
            self._reports.write("lease_lost", **run.identity(), message=self._keeper.reason)
        if self._keeper.over():
            run.kill()
        run.enforce()

    def _account(self, run: Run) -> float:
        """Report how a run ended; return the seconds until the next."""
        result = read_result(self._order)
        kind = outcome(run, self._scheduled, result)
        self._failed = kind != "success"
        if run.age >= self._order["restart"]["reset_after"]:
            self._crashes = 0
        delay = self._backoff() if kind == "crashed" else None
        assert run.code is not None
        starved = self._memory.found() if run.code == -SIGKILL and not run.ending and not run.killed else ""
        self._reports.write(
            "exited",
            **run.identity(),
            outcome=kind,
            reason=REASON if starved else run.ending,
            message=starved or explanation(run, kind, result, self._last_words()),
            exit_code=run.code if run.code >= 0 else None,
            signal=-run.code if run.code < 0 else None,
            started_at=run.started_at,
            ended_at=time.time(),
            restart_in=delay,
            result=result,
        )
        return delay or 0

    def _last_words(self) -> str:
        if not self._order["output"]["pump"]:
            time.sleep(_LOG_DELAY)
        return last_line(self._reports.logs, f"{self._order['task']}.stderr")
