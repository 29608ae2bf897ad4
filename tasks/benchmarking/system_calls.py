"""What the kernel refuses a process from now on (seccomp, Linux on x86-64): network, other processes, other programs.

The refusal is EPERM, so that a library which only tries may go on. It binds every thread and cannot be taken back.
"""

import ctypes
import platform
import struct
import sys

from tasks.benchmarking.kernel import call, prctl

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_ARCHITECTURE = 0xC000003E  # x86-64
_X32 = 0x40000000  # the same calls by other numbers
_NUMBER, _ARCHITECTURE_AT, _ARGUMENTS = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE, _UNKNOWN, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
_AF_UNIX, _CLONE_THREAD = 1, 0x10000

_SOCKET, _SENDTO, _CLONE, _CLONE3, _PRLIMIT = 41, 44, 56, 435, 302
_REFUSED = (
    *(42, 43, 46, 49, 50, 288, 307),  # connect accept sendmsg bind listen accept4 sendmmsg
    *(57, 58, 59, 322),  # fork vfork execve execveat
    *(62, 129, 200, 297, 424, 434, 438),  # kill and signals to others, pidfd_open, pidfd_getfd
    *(101, 310, 311, 298),  # ptrace, process_vm_readv, process_vm_writev, perf_event_open
    *(160, 321, 323, 248, 249, 250),  # setrlimit bpf userfaultfd add_key request_key keyctl
    *(425, 426, 427),  # io_uring, which opens sockets out of this filter's sight
    *(155, 161, 165, 166, 272, 308, 428, 429, 430, 431, 432, 433, 442),  # pivot_root chroot mount … unshare setns
    *(163, 164, 167, 168, 169, 170, 171, 172, 173, 175, 176, 179, 227, 246, 304, 313, 320),  # of an administrator
)


def refuse_system_calls() -> bool:
    """Whether the filter stands: never but on Linux on x86-64."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    program = _program()
    code = ctypes.create_string_buffer(program)
    head = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code)))
    return prctl(_PR_SET_NO_NEW_PRIVS, 1) and prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(head))


def lose_network() -> bool:
    """Whether this process now has a network of its own, in which there is nothing. Before any second thread."""
    new_user, new_network = 0x10000000, 0x40000000
    unshare = 272
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    # An administrator keeps the right to read files of others, which a new user namespace would take away.
    return call(unshare, new_network) == 0 or call(unshare, new_user | new_network) == 0


def _program() -> bytes:
    """Classic BPF: jumps count from the instruction that follows."""
    return b"".join(
        (
            _load(_ARCHITECTURE_AT),
            _jump(_EQUAL, _ARCHITECTURE, 1, 0),
            _step(_RETURN, _KILL),
            _load(_NUMBER),
            _jump(_AT_LEAST, _X32, 0, 1),
            _step(_RETURN, _REFUSE),
            *(_jump(_EQUAL, number, 0, 1) + _step(_RETURN, _REFUSE) for number in _REFUSED),
            _jump(_EQUAL, _CLONE3, 0, 1),
            _step(_RETURN, _UNKNOWN),  # its flags lie in memory; the C library then takes clone
            _unless(_SOCKET, _load(_argument(0)) + _jump(_EQUAL, _AF_UNIX, 1, 0)),
            _unless(_CLONE, _load(_argument(0)) + _jump(_ANY_BIT, _CLONE_THREAD, 1, 0)),
            _unless(_SENDTO, _is_nothing(4)),
            _unless(_PRLIMIT, _is_nothing(2)),
            _step(_RETURN, _ALLOW),
        )
    )


def _unless(number: int, condition: bytes) -> bytes:
    """Refuse the call `number` unless `condition`, which then jumps over one instruction. It is the last to need it."""
    body = condition + _step(_RETURN, _REFUSE) + _step(_RETURN, _ALLOW)
    return _jump(_EQUAL, number, 0, len(body) // 8) + body


def _is_nothing(argument: int) -> bytes:
    """Jumps over one instruction when both halves of the argument are zero."""
    return _load(_argument(argument)) + _jump(_EQUAL, 0, 0, 2) + _load(_argument(argument) + 4) + _jump(_EQUAL, 0, 1, 0)


def _argument(number: int) -> int:
    return _ARGUMENTS + 8 * number


def _load(offset: int) -> bytes:
    return _step(_LOAD, offset)


def _step(code: int, value: int) -> bytes:
    return struct.pack("HBBI", code, 0, 0, value)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
