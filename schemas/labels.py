"""Whose output a folder of log files holds: the labels file that lies in every allocation."""

from dataclasses import dataclass

LABELS_FILE = "herdsman.json"
"""Its name, in the allocation's shared folder: `<allocation>/alloc/herdsman.json`, beside `logs/`."""


@dataclass(frozen=True, slots=True)
class AllocationLabels:
    """The labels of one allocation (one placement of a bot on a node), as JSON in `LABELS_FILE`.

    `fleet` is the fleet id (name plus suffix), `spec` the spec digest, `revision` the full commit id.
    `memory_limit` is in bytes and `cpu_limit` in millicores, 0 where there is none.
    """

    fleet: str
    bot: str
    program: str
    version: str
    type: str
    mode: str
    revision: str
    spec: str
    allocation: str
    env: str = ""
    node: str = ""
    task: str = "bot"
    currency: str = ""
    memory_limit: int = 0
    cpu_limit: int = 0
