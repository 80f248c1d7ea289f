"""The launcher's lease on a real Nomad, through a stand-in for the task's socket that can lose answers."""

import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.launcher.nomad_lease import Lease
from tests.engines.forwarding import TaskSocket, task_socket
from tests.engines.nomad import NomadAgent

pytestmark = pytest.mark.nomad

PATIENCE = 60.0
"""Seconds that Nomad may take for an answer, also on a busy machine."""


@pytest.fixture
def socket(nomad: NomadAgent, tmp_path: Path) -> Iterator[TaskSocket]:
    with task_socket(tmp_path, nomad.address) as offered:
        yield offered


@pytest.fixture
def contender(socket: TaskSocket) -> Callable[..., Lease]:
    """Make leases of one bot, each as another launcher would have it."""
    path = f"test/{secrets.token_hex(4)}"

    def make(allocation: str = "a1", node: str = "n1", folder: Path | None = None) -> Lease:
        options = {"path": f"leases/{path}", "state_path": f"state/{path}", "namespace": "default"}
        order = {"lease": {"options": options, "ttl": 10}, "allocation": allocation, "node": node}
        return Lease(order, {"NOMAD_SECRETS_DIR": str(folder or socket.folder), "NOMAD_TOKEN": ""})

    return make


def forget_note(socket: TaskSocket) -> None:
    """Leave the folder as another allocation would find its own: without its predecessor's note."""
    (socket.folder / "lease").unlink(missing_ok=True)


def test_only_one_holds_it(contender):
    """A second launcher is told who holds it, and gets it as soon as the first let go."""
    first, second = contender("a1", "n1"), contender("a2", "n2")
    assert first.acquire(PATIENCE)
    assert not second.acquire(PATIENCE)
    assert "node n1" in second.reason
    assert first.renew(PATIENCE)
    assert first.release(PATIENCE)
    assert second.acquire(PATIENCE)
    assert not first.renew(PATIENCE)
    assert second.release(PATIENCE)


def test_place_of_the_state_is_remembered_from_holder_to_holder(contender):
    """What one holder settled, the next one reads, though taking the lock overwrites its variable."""
    first, second = contender(), contender("a2", "n2")
    assert first.acquire(PATIENCE)
    assert first.place == ""
    assert first.settle("n1", PATIENCE)
    assert first.release(PATIENCE)
    assert second.acquire(PATIENCE)
    assert second.place == "n1"
    assert second.release(PATIENCE)


def test_each_holder_has_a_greater_token_than_all_before_it(contender):
    """Also where a cluster that was built anew would count from the beginning: the record counts as well."""
    first, second = contender(), contender("a2", "n2")
    assert first.acquire(PATIENCE)
    assert first.token > 0
    first.token += 1_000_000
    assert first.settle("n1", PATIENCE)
    assert first.release(PATIENCE)
    assert second.acquire(PATIENCE)
    assert (second.placed, second.token) == (first.token, first.token + 1)
    assert second.release(PATIENCE)


def test_holder_that_was_overtaken_records_nothing(contender, socket):
    """A frozen launcher that thaws after another one took over does not claim the state back."""
    frozen, later = contender(), contender("a2", "n2")
    assert frozen.acquire(PATIENCE)
    assert frozen.settle("n1", PATIENCE)
    forget_note(socket)
    while not later.acquire(PATIENCE):
        time.sleep(0.5)
    assert later.settle("n2", PATIENCE)
    assert not frozen.settle("n1", PATIENCE)
    assert "later holder" in frozen.reason
    assert later.release(PATIENCE)
    third = contender("a3", "n3")
    assert third.acquire(PATIENCE)
    assert third.place == "n2"
    assert third.release(PATIENCE)


def test_record_whose_answer_was_lost_is_still_ours(contender, socket):
    """A repeated record of the same holder is no conflict."""
    lease = contender()
    assert lease.acquire(PATIENCE)
    socket.swallow = 1
    assert not lease.settle("n1", PATIENCE)
    assert lease.settle("n1", PATIENCE)
    assert lease.release(PATIENCE)


def test_place_under_the_former_name_is_read_and_left(contender, socket):
    """The new name finds where the state is; after that, nobody finds it under the old one."""
    former = contender()
    assert former.acquire(PATIENCE)
    assert former.settle("n7", PATIENCE)
    assert former.release(PATIENCE)
    options = {
        "path": f"leases/test/{secrets.token_hex(4)}",
        "state_path": f"state/test/{secrets.token_hex(4)}",
        "namespace": "default",
        "former_state_path": former._state_path,
    }
    order = {"lease": {"options": options, "ttl": 10}, "allocation": "a9", "node": "n9"}
    renamed = Lease(order, {"NOMAD_SECRETS_DIR": str(socket.folder), "NOMAD_TOKEN": ""})
    assert renamed.acquire(PATIENCE)
    assert renamed.place == ""
    assert renamed.look_back(PATIENCE)
    assert renamed.place == "n7"
    assert renamed.token > former.token
    assert renamed.leave_former(PATIENCE)
    assert renamed.release(PATIENCE)
    again = contender()
    assert again.acquire(PATIENCE)
    assert again.place == ""
    assert again.release(PATIENCE)


def test_granted_lock_whose_answer_was_lost_is_still_ours(contender, socket):
    """Without this a launcher would wait for its own lease to expire."""
    lease = contender()
    socket.swallow = 1
    assert lease.acquire(PATIENCE)
    assert lease.renew(PATIENCE)
    assert lease.release(PATIENCE)
    assert contender("a2").acquire(PATIENCE)


def test_silent_nomad_costs_no_more_than_the_time_allowed(contender, socket):
    """A frozen agent takes connections and never answers."""
    lease = contender()
    assert lease.acquire(PATIENCE)
    socket.silent = True
    assert not lease.renew(0.3)  # else it would wait for ever
    assert "does not answer" in lease.reason
    socket.silent = False
    assert lease.renew(PATIENCE)
    assert lease.release(PATIENCE)


def test_missing_socket_is_a_no_and_not_an_error(contender, tmp_path):
    """Nomad's agent may be gone."""
    lease = contender(folder=tmp_path / "nowhere")
    assert not lease.acquire(1)
    assert "does not answer" in lease.reason


def test_release_is_repeated_until_it_arrives(contender, socket):
    """A lost answer to a release leaves nobody waiting."""
    lease = contender()
    assert lease.acquire(PATIENCE)
    socket.swallow = 1
    assert lease.release(PATIENCE)
    assert contender("a2").acquire(PATIENCE)


def test_successor_in_the_same_allocation_inherits_from_a_dead_launcher(contender, socket):
    """A launcher killed by accident is followed at once; one that lives never is."""
    dead = contender()
    assert dead.acquire(PATIENCE)
    successor = contender()
    assert not successor.acquire(PATIENCE)  # the note names this very process, which lives
    assert not successor.predecessor_is_dead
    gone = subprocess.Popen(["true"])
    gone.wait()
    note = socket.folder / "lease"
    note.write_text(note.read_text().replace(f" {os.getpid()} ", f" {gone.pid} "))
    assert successor.predecessor_is_dead
    assert successor.acquire(PATIENCE)
    assert successor.release(PATIENCE)


def test_lock_that_nobody_renews_passes_on(contender, socket):
    """After twice its time to live, and never before once."""
    first, second = contender(), contender("a2", "n2")
    assert first.acquire(PATIENCE)
    forget_note(socket)
    taken = time.monotonic()
    while not second.acquire(PATIENCE):
        time.sleep(0.5)
    assert time.monotonic() - taken > 10
    assert not first.renew(PATIENCE)
    assert second.release(PATIENCE)


def test_lock_that_is_somebody_elses_is_known_to_be_lost(contender, socket):
    """Nomad's own word that another copy may live is more than a renewal that failed."""
    overtaken, later = contender(), contender("a2", "n2")
    assert overtaken.acquire(PATIENCE)
    lock = overtaken._lock
    forget_note(socket)
    assert overtaken.release(PATIENCE)
    assert later.acquire(PATIENCE)
    overtaken._lock = lock
    assert not overtaken.renew(PATIENCE)
    assert overtaken.revoked
    assert "not held by this copy" in overtaken.reason
    assert later.renew(PATIENCE)
    assert later.release(PATIENCE)


def test_refusal_of_a_lock_that_is_ours_is_tried_again(contender, socket):
    """A leader that was just elected refuses for a moment: that ends no bot."""
    lease = contender()
    assert lease.acquire(PATIENCE)
    socket.refuse = 1
    assert not lease.renew(PATIENCE)
    assert not lease.revoked
    socket.silent = True
    assert not lease.renew(0.3)
    assert not lease.revoked
    socket.silent = False
    assert lease.renew(PATIENCE)
    assert lease.release(PATIENCE)
