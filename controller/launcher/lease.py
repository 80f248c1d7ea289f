"""The lease inside the launcher: what each kind must be, and how the order chooses one.

A kind is a module beside this one, `<kind>_lease.py`, with a class `Lease(order, environment)` that fulfils
the Protocol below: `order` is the whole order (its `$NAME` values already replaced), the kind's own options
are `order["lease"]["options"]`; `environment` is the launcher's, text to text.

Every method returns within `timeout` seconds and raises nothing: False is "not now", whatever the cause. The
launcher alone keeps the time: a renewal counts from the moment it was asked for, never from its answer.
"""

TYPE_CHECKING = False  # `typing` itself would cost every bot memory
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Lease(Protocol):
        """One bot's lease as one launcher has it."""

        place: str
        """After `acquire`: the node where this bot's state folder was last seen with something in it, as
        `settle` recorded it in the lease's own store; "" where there is no state yet. `@store`: an operator
        changed the saved state, and no node's folder is the newest."""
        placed: int
        """The token of the holder that recorded the place; 0 where none is known."""
        token: int
        """After `acquire`: this holder's number, greater than that of every holder before it."""
        reason: str
        """A text for people about the last False."""
        revoked: bool
        """After `renew`: the store itself says that the lease is not ours any more; another copy may live."""
        deadline_free: bool
        """True where nothing but release or death ends the lease, as with a file lock."""
        inherited: tuple[int, ...]
        """File descriptors that the bot's process inherits, so that it holds the lease as well."""
        predecessor_is_dead: bool
        """Whether the launcher that had the lease here before us is gone: what it left is nobody's."""

        def acquire(self, timeout: float, /) -> bool:
            """Take the lease if it is free, keeping the `place` that its store remembers."""
            ...

        def renew(self, timeout: float, /) -> bool:
            """Prolong it by its whole time to live."""
            ...

        def settle(self, place: str, timeout: float, /) -> bool:
            """Record that the state is on the node `place`, and this holder's token, while held.

            True once it is stored; never where a later holder has recorded its own.
            """
            ...

        def look_back(self, timeout: float, /) -> bool:
            """Take place and holder from the bot's former name; False where they cannot be read now."""
            ...

        def leave_former(self, timeout: float, /) -> bool:
            """Record that nothing is left of the state under the former name, unless somebody else has it."""
            ...

        def release(self, timeout: float, /) -> bool:
            """Let it go; True once it is free. Trying again within the time is the kind's own business."""
            ...


KINDS = ("file", "nomad")


def open_lease(order: "dict[str, Any]", environment: dict[str, str]) -> "Lease":
    """Return the lease that the order asks for; the other kind is never imported (it costs memory)."""
    kind = order["lease"]["kind"]
    if kind not in KINDS:
        raise ValueError(f"unknown kind of lease: {kind}")
    module = __import__(f"controller.launcher.{kind}_lease", None, None, ["Lease"])
    lease: Lease = module.Lease(order, environment)
    return lease
