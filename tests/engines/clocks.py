"""Steps the clocks of running processes, one by one, and no clock of the machine.

A process asks for the time in a page of code that the kernel maps into it (the vDSO). A debugger may write
there, and the kernel then gives that process a page of its own: so the function that tells the time is
replaced, in that process alone, by one that asks the kernel and adds a number of seconds. That holds for
every language (Go, too, which links no C library), and for children that are forked and not executed.
"""

import os
import signal
import struct
import time
from pathlib import Path

_ELF_DYNSYM = 11
_FUNCTION = b"__vdso_clock_gettime"


class NoSuchClock(Exception):
    """This machine's vDSO is not as this module knows it."""


def step(pid: int, wall: int = 0, boot: int = 0) -> None:
    """Set a process's wall clock forward by `wall` seconds, and CLOCK_BOOTTIME by `boot`.

    A later step replaces it. The process is stopped meanwhile, and goes on only if it was not stopped before.
    """
    offset, size = _function()
    code = _code(wall, boot)
    if size < len(code) or os.uname().machine != "x86_64":
        raise NoSuchClock("the clocks of processes are stepped on x86-64 alone, by the vDSO of its kernels")
    was_stopped = _state(pid) == "T"
    start, end = _mapping(pid)
    _stop_outside(pid, start, end)
    with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as memory:
        memory.seek(start + offset)
        memory.write(code)
    if not was_stopped:
        os.kill(pid, signal.SIGCONT)


def _code(wall: int, boot: int) -> bytes:
    """Return `clock_gettime` as a system call, and an addition to the seconds of two clocks' answers."""
    call = b"\xb8\xe4\x00\x00\x00\x0f\x05"  # mov eax, 228; syscall
    is_wall = b"\x85\xff\x74\x06"  # test edi, edi (CLOCK_REALTIME); jz over what follows
    is_boot = b"\x83\xff\x07\x74\x0d\xc3"  # cmp edi, 7 (CLOCK_BOOTTIME); jz to the addition for it; ret
    real = b"\x48\xb9" + struct.pack("<q", wall) + b"\xeb\x0a"  # mov rcx, wall; jmp over the next
    other = b"\x48\xb9" + struct.pack("<q", boot)  # mov rcx, boot
    return call + is_wall + is_boot + real + other + b"\x48\x01\x0e\xc3"  # add [rsi], rcx; ret


def _mapping(pid: int | str) -> tuple[int, int]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if line.endswith("[vdso]"):
            start, _, end = line.split()[0].partition("-")
            return int(start, 16), int(end, 16)
    raise NoSuchClock(f"process {pid} has no vDSO")


def _function() -> tuple[int, int]:
    """Return where in the vDSO the function lies, and its size."""
    start, end = _mapping("self")
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        memory.seek(start)
        image = memory.read(end - start)
    table, count = struct.unpack_from("<Q", image, 0x28)[0], struct.unpack_from("<H", image, 0x3C)[0]
    sections = [struct.unpack_from("<IIQQQQIIQQ", image, table + 64 * index) for index in range(count)]
    symbols = next(one for one in sections if one[1] == _ELF_DYNSYM)
    names = sections[symbols[6]][4]
    for at in range(symbols[4], symbols[4] + symbols[5], 24):
        name, _, _, _, value, size = struct.unpack_from("<IBBHQQ", image, at)
        if image[names + name :].startswith(_FUNCTION + b"\0"):
            return value, size
    raise NoSuchClock("the vDSO does not tell the time")


def _stop_outside(pid: int, start: int, end: int) -> None:
    """Stop a process while none of its threads is inside the vDSO."""
    for _ in range(100):
        os.kill(pid, signal.SIGSTOP)
        while _state(pid) not in "TtZX":
            time.sleep(0.001)
        places = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/syscall")]
        if not any(start <= int(words[-1], 16) < end for words in places if words[0] != "running"):
            return
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.002)
    raise NoSuchClock(f"process {pid} tells the time without a pause")


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
