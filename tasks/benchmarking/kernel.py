"""System calls that Python has no name for."""

import ctypes


def call(number: int, *arguments: int | bytes) -> int:
    """What the call answers, -1 where it fails. Bytes go by their address, which holds for the call."""
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    return int(function(ctypes.c_long(number), *map(_word, arguments)))


def prctl(option: int, *arguments: int) -> bool:
    """Whether it was done."""
    function = ctypes.CDLL(None, use_errno=True).prctl
    filled = (*arguments, 0, 0, 0, 0)[:4]
    return bool(function(ctypes.c_int(option), *map(ctypes.c_ulong, filled)) == 0)


def _word(argument: int | bytes) -> ctypes.c_char_p | ctypes.c_long:
    return ctypes.c_char_p(argument) if isinstance(argument, bytes) else ctypes.c_long(argument)
