"""What an agent sends the intake: batches of whole lines, as MessagePack.

Lines travel as the bytes that the bot printed: the intake reads them, so that nodes need no update when the
vocabulary grows. Sending a batch again is harmless: each line's place in its file is its identity.
"""

from msgspec import Struct, msgpack

from schemas.labels import AllocationLabels

WIRE_VERSION = 1

TOLD_AND_KEPT, TOLD, KEPT = 0, 1, 2
"""What becomes of a measurement: told live, kept in the series, or both, as every one of older agents."""


class Gap(Struct, array_like=True):
    """Output that was lost before it could be read."""

    files: int
    """Log files that are gone; 0 where one was cut short."""
    size: int
    """Bytes, about; 0 where nobody knows."""
    since: float
    """Unix seconds of the last output that was read before; 0 where none was."""
    whole: int = 0
    """Bytes of one whole file there, about; 0 where nobody knows."""


class Chunk(Struct, array_like=True):
    """Consecutive lines of one file."""

    allocation: int
    """Index into the batch's `allocations`."""
    stream: str
    index: int
    """The rotated file's index."""
    offset: int
    """Where `data` begins, in bytes since the file's first line."""
    time: float
    """Unix seconds, not before the lines were printed: it stands in for times that they do not show."""
    data: bytes
    """The lines. Without a newline at the end, the last one is a part of a line that stayed unfinished."""
    run: str = ""
    joins: list[tuple[int, int]] = []
    """Lines that are one event: (number of the first line in this chunk, how many)."""
    dropped: int = 0
    """Bytes that were cut from the end of the (only) line, because it is longer than a line may be."""
    missed: str = ""
    """In words, what could not be read before this chunk: the files were deleted too early."""
    gap: Gap | None = None
    """The same in figures, where output was lost."""


class Use(Struct, array_like=True):
    """The resource use of one allocation's bot at one time: series name -> value."""

    allocation: int
    time: float
    values: dict[str, float]
    way: int = TOLD_AND_KEPT


class Batch(Struct, array_like=True):
    """Everything that goes in one request."""

    version: int
    agent: str
    allocations: list[AllocationLabels]
    chunks: list[Chunk]
    uses: list[Use] = []
    drained: list[int] = []
    """Allocations whose log files were all acknowledged to their ends when this batch was made."""
    release: str = ""
    """The agent's own version of herdsman, "" of one that does not say."""
    unread: list[int] | None = None
    """Allocations of bots with output still to be read; None of an older agent, which does not say."""


_encode = msgpack.Encoder().encode
_decode = msgpack.Decoder(Batch).decode


def encode_batch(batch: Batch) -> bytes:
    """Return the request body."""
    return _encode(batch)


def decode_batch(body: bytes) -> Batch:
    """Return the batch in a request body. Raises msgspec.MsgspecError where it is none."""
    return _decode(body)
