"""Our own git remote: an ASGI application over `git http-backend` that lets a gate decide about each push.

Pushes are received side by side, each into its own quarantine; from the hook's call to the moving of the refs
there is one at a time.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from gitops.backend import (
    Backend,
    NotServed,
    Receive,
    Scope,
    Send,
    cgi_environment,
    end_response,
    requested_service,
    respond,
)
from gitops.hook_channel import HookCall, HookChannel
from gitops.hosted import HostedRepository, RemoteBroken
from gitops.push import Push, PushGate, RefUpdate, Say
from schemas.errors import HerdsmanError

GIT_PATH = "/git/fleet.git"
PATIENCE = 60.0
"""Seconds that a client may be silent in the middle of its request."""
DRAIN = 5.0
"""Seconds that git's processes get to end by themselves when the client has left."""

_log = logging.getLogger("herdsman.git")


@dataclass(slots=True)
class _Progress:
    """How far one push has come."""

    called: bool = False
    let_in: Push | None = None
    followed: bool = False
    holds_lock: bool = False
    before: dict[str, str] = field(default_factory=dict)


class GitRemote:
    """Serves one repository. The request is authorised: `scope["state"]` has its `user` and `role`."""

    def __init__(self, repository: HostedRepository, gate: PushGate, prefix: str = GIT_PATH) -> None:
        self._repository = repository
        self._gate = gate
        self._prefix = prefix
        self._turn = asyncio.Lock()
        self._following: set[asyncio.Task[None]] = set()
        self._pushes = 0

    @property
    def busy(self) -> bool:
        """Whether somebody is pushing right now."""
        return self._pushes > 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of a git client."""
        try:
            path, service = requested_service(scope, self._prefix)
            if service == "git-receive-pack":
                self._repository.check_files()
        except NotServed as error:
            await respond(send, error.status, str(error))
            return
        except RemoteBroken as error:
            _log.critical("%s", error)
            await respond(send, 503, str(error))
            return
        state = scope.get("state") or {}
        user, role = str(state.get("user", "")), str(state.get("role", ""))
        if path == "git-receive-pack":
            self._pushes += 1
            try:
                await self._receive_pack(scope, receive, send, (user, role))
            finally:
                self._pushes -= 1
        else:
            environment = cgi_environment(scope, self._repository.path, path, service, user, {})
            await _exchange(await Backend.start(environment), receive, send)
            await end_response(send)

    def is_push(self, scope: Scope) -> bool:
        """Return whether a request wants to write, for whoever authorises it."""
        try:
            return requested_service(scope, self._prefix)[1] == "git-receive-pack"
        except NotServed:
            return False

    async def close(self) -> None:
        """Stop following pushes; what they started goes on elsewhere."""
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)

    async def _receive_pack(self, scope: Scope, receive: Receive, send: Send, who: tuple[str, str]) -> None:
        channel = HookChannel()
        environment = cgi_environment(
            scope,
            self._repository.path,
            "git-receive-pack",
            "git-receive-pack",
            who[0],
            channel.environment,
        )
        try:
            backend = await Backend.start(environment, channel.descriptors)
        finally:
            channel.release_child_ends()
        await channel.open()
        # Nothing has been handed to git yet, so that no ref can have moved.
        progress = _Progress(before=await self._repository.refs())
        conversation = asyncio.create_task(self._converse(channel, who, progress))
        try:
            left = await _exchange(backend, receive, send, channel.hang_up)
            if left and not progress.followed:
                conversation.cancel()
            await asyncio.wait({conversation})
            if not conversation.cancelled():
                conversation.result()
        finally:
            conversation.cancel()
            channel.close()
            self._give_turn(progress)
        await self._settle(progress)
        await end_response(send)

    async def _converse(self, channel: HookChannel, who: tuple[str, str], progress: _Progress) -> None:
        """Answer the hooks of one push until all its processes have ended."""
        while (call := await channel.next_call()) is not None:
            if call.hook == "pre-receive":
                progress.called = True
                push = self._push(call, who)
                await self._take_turn(channel.say, progress)
                yes = await self._decide(push, channel.say)
                progress.let_in = push if yes else None
                await channel.answer(yes)
            elif progress.let_in is not None:
                progress.followed = True
                self._give_turn(progress)
                await asyncio.shield(self._follow(progress.let_in, channel.say))
                await channel.answer(yes=True)

    def _push(self, call: HookCall, who: tuple[str, str]) -> Push:
        repository, (user, role) = self._repository, who
        return Push(
            call.updates, call.options, user, repository.path, repository.branch, call.environment, role
        )

    async def _take_turn(self, say: Say, progress: _Progress) -> None:
        if self._turn.locked():
            await say("Another push is being checked; this one waits for it.")
        await self._turn.acquire()
        progress.holds_lock = True

    def _give_turn(self, progress: _Progress) -> None:
        if progress.holds_lock:
            progress.holds_lock = False
            self._turn.release()

    async def _decide(self, push: Push, say: Say) -> bool:
        refusal = next(filter(None, (_refusal(update, push.branch) for update in push.updates)), None)
        if refusal:
            await say(refusal)
            return False
        try:
            return await self._gate.check(push, say)
        except HerdsmanError as error:
            await say(str(error))
        except Exception:  # noqa: BLE001 - whatever it is, the answer is no, in a sentence
            _log.exception("A push by %s could not be checked", push.user or "somebody")
            await say("herdsman failed to check this push, and let nothing in; its log says why.")
        return False

    def _follow(self, push: Push, say: Say) -> "asyncio.Task[None]":
        task = asyncio.create_task(self._accepted(push, say))
        self._following.add(task)
        task.add_done_callback(self._following.discard)
        return task

    async def _accepted(self, push: Push, say: Say) -> None:
        settled = replace(push, environment={})
        try:
            await self._gate.accepted(settled, say)
        except HerdsmanError as error:
            await say(str(error))
        except Exception:  # noqa: BLE001 - the refs have moved; the next pass takes them up
            _log.exception("A push by %s could not be followed", push.user or "somebody")
            await say("The push is in, but herdsman failed to follow it; its log says why.")

    async def _settle(self, progress: _Progress) -> None:
        """Make good what the hooks could not tell: a push that went unchecked, or whose client left early."""
        if progress.followed or (progress.called and progress.let_in is None):
            return
        after = await self._repository.refs()
        if after == progress.before:
            return
        if not progress.called:
            _log.critical("A push moved refs although the pre-receive hook was not run; it is undone")
            await self._repository.put_back(progress.before, after)
        elif progress.let_in and all(_is_at(update, after) for update in progress.let_in.updates):
            self._follow(progress.let_in, _to_nobody)


async def _exchange(
    backend: Backend, receive: Receive, send: Send, on_leaving: Callable[[], None] | None = None
) -> bool:
    """Carry one request to git and its answer back; return whether the client left before the end."""
    feeding = asyncio.create_task(backend.feed(receive, PATIENCE))
    pumping = asyncio.create_task(backend.pump(send))
    try:
        await asyncio.wait({feeding, pumping}, return_when=asyncio.FIRST_COMPLETED)
        left = not pumping.done()
        if left:
            if on_leaving:
                on_leaving()
            backend.end_input()
            await asyncio.wait({pumping}, timeout=DRAIN)
        else:
            await backend.wait()
            await pumping
        return left
    finally:
        feeding.cancel()
        pumping.cancel()
        await backend.end()
        await asyncio.gather(feeding, pumping, return_exceptions=True)


def _refusal(update: RefUpdate, branch: str) -> str | None:
    """Return why a ref may not be moved so, whatever the push holds."""
    if not update.ref.startswith(("refs/heads/", "refs/tags/")):
        return f"Only branches and tags are taken, not {update.ref}."
    if update.deletes and update.ref == f"refs/heads/{branch}":
        return f"{branch} is the deployed branch; it cannot be deleted. To stop all bots, remove their files."
    return None


def _is_at(update: RefUpdate, refs: dict[str, str]) -> bool:
    return refs.get(update.ref) == (None if update.deletes else update.new)


async def _to_nobody(text: str) -> None:
    del text
