"""The live channel: what happens now, to any number of open streams, each message encoded once.

One sequence of numbers runs over all topics, so that one id resumes a stream of several topics without a gap
and without a double. A ring per topic holds what a returning reader may have missed; topics that nobody reads
hold none.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from types import TracebackType

from telemetry.names import Health

_RING_BYTES = 1 << 20
_RING_SECONDS = 60.0
_QUEUE_BYTES = 1 << 20
_HEARTBEAT = 15.0
_BEAT = b": heartbeat\n\n"


class _Topic:
    """The last messages of one topic and who reads it."""

    __slots__ = ("idle_since", "lost", "newest", "readers", "ring", "size")

    def __init__(self) -> None:
        self.readers: dict[int, Subscription] = {}
        self.ring: deque[tuple[int, bytes]] = deque()
        self.size = 0
        self.newest = 0
        self.lost = 0
        """The number of the newest message that the ring does not hold any more."""
        self.idle_since: float | None = None

    def add(self, number: int, frame: bytes, most: int) -> None:
        self.newest = number
        self.ring.append((number, frame))
        self.size += len(frame)
        while self.size > most:
            self.lost, old = self.ring.popleft()
            self.size -= len(old)

    def clear(self) -> None:
        self.ring.clear()
        self.size = 0
        self.lost = self.newest


class Broadcaster:
    """Publishes to topics from the loop's own thread, and hands out subscriptions."""

    def __init__(
        self,
        health: Health | None = None,
        *,
        ring_bytes: int = _RING_BYTES,
        queue_bytes: int = _QUEUE_BYTES,
        heartbeat: float = _HEARTBEAT,
    ) -> None:
        self._boot = secrets.token_hex(4)
        self._number = 0
        self._topics: dict[str, _Topic] = {}
        self._subscriptions: dict[int, Subscription] = {}
        self._ring_bytes = ring_bytes
        self._queue_bytes = queue_bytes
        self._heartbeat = heartbeat
        self._beat: asyncio.TimerHandle | None = None
        self._closed = False
        self._health = health or Health()
        self._health.gauge("herdsman_live_subscribers").read = lambda: float(len(self._subscriptions))

    def has_readers(self, topic: str) -> bool:
        """Tell whether anybody reads a topic, or may come back to it: else encoding for it is in vain."""
        found = self._topics.get(topic)
        return found is not None and (bool(found.readers) or found.idle_since is not None)

    def is_read(self, topic: str) -> bool:
        """Tell whether anybody reads a topic at this moment."""
        found = self._topics.get(topic)
        return found is not None and bool(found.readers)

    def publish(self, topic: str, event: str, data: bytes) -> None:
        """Send one message to all readers of a topic. `data` is one JSON value."""
        self._number += 1
        found = self._topics.get(topic)
        if found is None:
            found = self._topics[topic] = _Topic()
        if not found.readers and found.idle_since is None:
            found.newest = found.lost = self._number
            return
        frame = self._frame(event, data)
        found.add(self._number, frame, self._ring_bytes)
        for reader in found.readers.values():
            reader.offer(frame)
        self._health.count("herdsman_live_messages_total")

    def subscribe(self, topics: Sequence[str], last_event_id: str | None = None) -> "Subscription":
        """Open a stream of `topics`; with the id of the last message received, go on right behind it."""
        subscription = Subscription(self, self._queue_bytes)
        names = list(dict.fromkeys(topics))
        missed = self._missed(names, last_event_id)
        if missed is None:
            subscription.reset("your place in the stream is not known any more")
            self._health.count("herdsman_live_resets_total", reason="unknown")
        else:
            subscription.begin(self.position(), missed)
        for name in names:
            topic = self._topics.setdefault(name, _Topic())
            topic.readers[id(subscription)] = subscription
            topic.idle_since = None
        subscription.topics = tuple(names)
        self._subscriptions[id(subscription)] = subscription
        if self._closed:
            subscription.close()
        self._start_beating()
        return subscription

    def position(self) -> str:
        """Return the id of the newest message."""
        return f"{self._boot}-{self._number}"

    def forget(self, topic: str) -> None:
        """Drop a topic that will not be published to any more (a bot that is gone)."""
        found = self._topics.get(topic)
        if found is not None and not found.readers:
            del self._topics[topic]

    def close(self) -> None:
        """End all streams; later ones end at once."""
        self._closed = True
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        for subscription in list(self._subscriptions.values()):
            subscription.close()

    def beat(self) -> None:
        """Send every open stream a heartbeat now, so that each looks whether it may go on."""
        for subscription in self._subscriptions.values():
            subscription.beat()

    def leave(self, subscription: "Subscription") -> None:
        """Take a subscription out of its topics; a topic that nobody reads keeps its ring for a while."""
        if self._subscriptions.pop(id(subscription), None) is None:
            return
        for name in subscription.topics:
            topic = self._topics.get(name)
            if topic is not None:
                topic.readers.pop(id(subscription), None)
                if not topic.readers:
                    topic.idle_since = asyncio.get_running_loop().time()

    def reset_slow(self, subscription: "Subscription") -> None:
        """Tell a reader that did not keep up to fetch anew."""
        subscription.reset("this reader did not keep up with the stream")
        self._health.count("herdsman_live_resets_total", reason="slow")

    def _frame(self, event: str, data: bytes) -> bytes:
        lines = b"\ndata: ".join(data.splitlines()) if b"\n" in data or b"\r" in data else data
        return b"id: %s-%d\nevent: %s\ndata: %s\n\n" % (
            self._boot.encode(),
            self._number,
            event.encode(),
            lines,
        )

    def _missed(self, topics: Sequence[str], last_event_id: str | None) -> list[bytes] | None:
        """Return what came after an id in any of the topics, None where that cannot be told."""
        if not last_event_id:
            return []
        boot, _, text = last_event_id.partition("-")
        if boot != self._boot or not (text.isascii() and text.isdigit()) or int(text) > self._number:
            return None
        last = int(text)
        found: list[tuple[int, bytes]] = []
        for name in topics:
            topic = self._topics.get(name)
            if topic is not None:
                if topic.lost > last:
                    return None
                found += [entry for entry in topic.ring if entry[0] > last]
        found.sort()
        return [frame for _, frame in found]

    def _start_beating(self) -> None:
        if self._beat is None and not self._closed:
            self._beat = asyncio.get_running_loop().call_later(self._heartbeat, self._on_beat)

    def _on_beat(self) -> None:
        """Keep connections alive, and let go of rings that nobody came back for."""
        self._beat = None
        now = asyncio.get_running_loop().time()
        for subscription in self._subscriptions.values():
            subscription.beat()
        waiting = False
        for topic in self._topics.values():
            if topic.idle_since is not None:
                if now - topic.idle_since > _RING_SECONDS:
                    topic.clear()
                    topic.idle_since = None
                else:
                    waiting = True
        if self._subscriptions or waiting:
            self._start_beating()


class Subscription(AsyncIterator[bytes]):
    """One open stream: iterate for bytes in SSE's framing, everything that waits at a time.

    Leave it by `close`, or use it as a context manager.
    """

    def __init__(self, broadcaster: Broadcaster, most: int) -> None:
        self.topics: tuple[str, ...] = ()
        self._broadcaster = broadcaster
        self._most = most
        self._frames: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self._reset = ""

    def begin(self, position: str, missed: list[bytes]) -> None:
        """Start with what was missed; without that, with an empty message that tells the position."""
        self._frames = missed or [f"retry: 1000\nid: {position}\n\n".encode()]
        self._size = sum(map(len, self._frames))

    def offer(self, frame: bytes) -> None:
        """Take a message; a reader that is too far behind loses what waits and is told to fetch anew."""
        if self._size + len(frame) > self._most:
            if not self._reset:
                self._broadcaster.reset_slow(self)
            return
        self._frames.append(frame)
        self._size += len(frame)
        self._wake()

    def reset(self, reason: str) -> None:
        """Replace what waits by the event `reset`; it is made when it is handed out."""
        self._reset = reason
        self._frames = [b""]
        self._size = self._most
        self._wake()

    def beat(self) -> None:
        """Send a comment if nothing else waits."""
        if not self._frames:
            self._frames.append(_BEAT)
            self._wake()

    def close(self) -> None:
        """End the stream: the iteration stops once what waits was handed out."""
        self._closed = True
        self._broadcaster.leave(self)
        self._wake()

    async def __anext__(self) -> bytes:
        """Return everything that waits; wait where nothing does."""
        while not self._frames:
            if self._closed:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        frames, self._frames = self._frames, []
        self._size = 0
        if self._reset:
            return self._take_reset()
        return frames[0] if len(frames) == 1 else b"".join(frames)

    def _take_reset(self) -> bytes:
        reason, self._reset = self._reset, ""
        position = self._broadcaster.position()
        return f'id: {position}\nevent: reset\ndata: {{"reason": "{reason}"}}\n\n'.encode()

    def __aiter__(self) -> "Subscription":
        """Iterate over itself."""
        return self

    def __enter__(self) -> "Subscription":
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the stream."""
        self.close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
