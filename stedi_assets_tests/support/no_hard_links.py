"""A program that runs a command on disks that take no hard links, as the kernel answers on such a disk.

    python no_hard_links.py ERRNO COMMAND…

The kernel refuses the system calls to the command and all that it starts, by a filter of seccomp.
"""

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

LINKING = {"x86_64": (86, 265), "aarch64": (37,)}
"""From a machine to the numbers of its system calls link and linkat."""

LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
"""Instructions of the Berkeley packet filter."""

ALLOW, REFUSE = 0x7FFF0000, 0x00050000
"""What a filter returns; a refusal with the error number in its lower half."""

NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER_MODE = 38, 22, 2
"""Options of prctl, and its argument."""


class Program(ctypes.Structure):
    """A filter as the kernel takes it."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def refuse_links(error: int) -> None:
    """Has the kernel refuse hard links to this process and what it starts."""
    calls = LINKING[platform.machine()]
    instructions = [(LOAD, 0, 0, 0)]
    instructions += [(JUMP_IF_EQUAL, len(calls) - index, 0, call) for index, call in enumerate(calls)]
    instructions += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE | error)]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    program = Program(len(instructions), code)
    kernel = ctypes.CDLL(None, use_errno=True)
    for arguments in ((NO_NEW_PRIVILEGES, 1, 0, 0, 0), (SET_SECCOMP, FILTER_MODE, ctypes.byref(program), 0, 0)):
        if kernel.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "The kernel takes no filter")


def without_hard_links(error: int) -> Sequence[str]:
    """What to put before a command."""
    return (sys.executable, str(Path(__file__)), str(error))


if __name__ == "__main__":
    refuse_links(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
