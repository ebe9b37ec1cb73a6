"""One run per directory: a lock that the system itself gives up when the process that holds it ends."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import sys
from pathlib import Path

_TRIES = 16
# Byte that is locked on Windows, beyond the text: locked bytes cannot be read there.
_LOCKED_BYTE = 1 << 20
_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)


class HeldError(Exception):
    """The lock is held; the text says by whom."""


class RunLock:
    """An exclusive lock on a file that says who holds it.

    The lock is the system's, not the file's: a file that a killed process left behind locks nothing, and the
    next run takes it over. Where a file system knows no locks, there is none.

    Parameters
    ----------
    path : Path
        File; made, and removed by `release`.

    Raises
    ------
    HeldError
        Another run, in this process or another, holds it.
    OSError
        The file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        for _ in range(_TRIES):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                _lock(descriptor, path)
                if _is_at(descriptor, path):
                    self._descriptor = descriptor
                    break
            finally:
                if self._descriptor != descriptor:
                    os.close(descriptor)
        else:
            raise HeldError("another run")
        with contextlib.suppress(OSError):  # a full disk is met, and told, by the run itself
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"process {os.getpid()} on {platform.node()}\n".encode())

    def release(self) -> None:
        """Remove the file and give up the lock; nothing happens the second time."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        if sys.platform == "win32":  # where an open file cannot be removed
            os.close(descriptor)
            with contextlib.suppress(OSError):
                self.path.unlink()
            return
        with contextlib.suppress(OSError):
            self.path.unlink()
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether the open file is still the one at `path`: its holder may just have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _lock(descriptor: int, path: Path) -> None:
    """Lock an open file, or raise `HeldError`."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            holder = path.read_text(encoding="utf-8", errors="replace").strip() or "another process"
            raise HeldError(holder) from None
        # This file system knows no locks; a run there is as safe as its user is careful.
