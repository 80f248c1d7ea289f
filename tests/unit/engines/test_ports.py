"""Ports of tests' servers: nobody else is given them, neither by us nor by the kernel."""

import secrets
import socket
import subprocess
import sys
from pathlib import Path

from tests.engines.ports import PORTS, claim, free_ports, outside
from tests.engines.processes import CHECKOUT

KERNEL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_port_is_given_once_and_lies_outside_of_the_kernels() -> None:
    """None is given twice, none is one that a connection may have, and each can be listened on.

    Where the kernel has all of them for itself there is no choice.
    """
    given = [*free_ports(20), *free_ports(20)]
    assert len(set(given)) == 40
    low, high = map(int, KERNEL.read_text().split())
    assert (low <= PORTS[0] and PORTS[-1] <= high) or not {*range(low, high + 1)} & {*given}
    for port in given:
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_ports_of_the_kernel_are_left_to_it_where_it_has_not_all() -> None:
    """Its range begins lower on some machines."""
    ports = range(10_100, 20_000)
    assert outside(ports, 32_768, 60_999) == list(ports)
    assert outside(ports, 15_000, 60_999) == list(range(10_100, 15_000))
    assert outside(ports, 1_024, 60_999) == list(ports)


def test_what_one_process_has_no_other_gets() -> None:
    """A name that is claimed stays so while its process lives, and no longer."""
    name = f"test-{secrets.token_hex(8)}"
    code = "from tests.engines.ports import claim; import sys; print(claim(sys.argv[1]), flush=True); input()"
    command = [sys.executable, "-c", code, name]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert not claim(name)
        other.communicate("\n")
    assert claim(name)


def test_a_port_where_somebody_listens_is_passed_over() -> None:
    """Whoever is no test of ours is not in the way either."""
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", port)):
        code = "from tests.engines.ports import _is_free; import sys; sys.exit(_is_free('127.0.0.1', %d))"
        assert subprocess.run([sys.executable, "-c", code % port], cwd=CHECKOUT, check=False).returncode == 0
