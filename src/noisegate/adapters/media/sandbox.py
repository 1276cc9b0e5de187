"""What the kernel takes away from the child before it reads the first byte of a stranger's file.

Resource limits always; on Linux with Landlock (5.13 and later) also the file system and the network. The child gets
its input and output as open descriptors, so it needs neither. What is missing on a machine is left out, and the caller
is told. Says nothing about what the child does with its time.
"""

import ctypes
import math
import os
import resource
import sys
from pathlib import Path

from noisegate.adapters.media.limits import Limits

_OPEN_FILES = 64  # descriptors: the standard three, a request's two, and what libraries open to load themselves
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_LANDLOCK_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FS_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # Landlock version -> how many file rights it knows; 5 and later: 16
_SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_NET_TCP = 0b11  # bind and connect, version 4 and later
_SCOPES = 0b11  # abstract sockets and signals outside, version 6 and later


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def confine(limits: Limits) -> int:
    """Give up everything that decoding does not need; there is no way back.

    Returns the version of Landlock that took hold (network from 4, signals from 6), 0 for none.

    Call when all libraries are loaded and before any thread starts: Landlock binds the calling thread and those it
    starts later.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, limits.spool_file_bytes)
    _limit(resource.RLIMIT_AS, limits.child_memory_bytes)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return _landlock(libc)


def start_nothing_more() -> None:
    """No further thread or process (root is exempt from this limit, not from Landlock's ban on executing)."""
    _limit(resource.RLIMIT_NPROC, 0)


def allow_cpu(seconds: float) -> None:
    """From now on, `seconds` more CPU seconds; beyond them the kernel ends the process (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime + seconds), hard))


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (most, most))


def _landlock(libc: ctypes.CDLL) -> int:
    """Deny every file but the code of Python and its libraries (read only), TCP, and signals to other processes."""
    version: int = libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_CREATE_RULESET_VERSION)
    if version < 1:
        return 0
    handled = _Ruleset(
        fs=(1 << _FS_RIGHTS.get(version, 16)) - 1,
        net=_NET_TCP if version >= 4 else 0,
        scoped=_SCOPES if version >= 6 else 0,
    )
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = libc.syscall(_LANDLOCK_CREATE_RULESET, ctypes.byref(handled), ctypes.c_size_t(size), 0)
    if rules < 0:
        return 0
    try:
        for folder in {sys.prefix, sys.base_prefix, *sys.path, *_SYSTEM_LIBRARIES}:  # for what is imported late
            if folder and Path(folder).is_dir():
                _allow_reading(libc, rules, folder)
        return version if libc.syscall(_LANDLOCK_RESTRICT_SELF, rules, 0) == 0 else 0
    finally:
        os.close(rules)


def _allow_reading(libc: ctypes.CDLL, rules: int, folder: str) -> None:
    parent = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(allowed=_READ_FILE | _READ_DIR, parent=parent)
        libc.syscall(_LANDLOCK_ADD_RULE, rules, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)
