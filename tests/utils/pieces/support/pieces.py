"""Pieces of work that a cluster's workers can import."""

from __future__ import annotations

import os
import signal
import time


def root(material: float, part: int) -> tuple[float, int, float]:
    """A little arithmetic."""
    return material, part, (material + part) ** 0.5


def slow_root(material: float, part: int) -> tuple[float, int, float]:
    """The same after a moment, so that many are still to do when a worker is killed."""
    time.sleep(0.02)
    return root(material, part)


def of_this_process(material: float, part: int) -> tuple[float, int, int]:
    """What no other process could give."""
    return material, part, os.getpid()


def deadly(material: int, part: int) -> int:
    """The part that is the material ends the process that works on it."""
    if part == material:
        os.kill(os.getpid(), signal.SIGKILL)
    return part


def wrong(material: int, part: int) -> int:
    """A bug in the last part."""
    return part // (material - part)


def deadly_to(process: int, part: int) -> int:
    """Ends another process, whose number is the material."""
    os.kill(process, signal.SIGKILL)
    return part
