"""labkit: the helper package of a course on retrieval, fine-tuning, and what they cost.

Importing the package loads no heavy library; each room (`labkit.corpus`, `labkit.models`, ...)
loads what it needs when it is first used.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from typing import TYPE_CHECKING, Any

# Tokenizers must not fork threads under pytest-xdist or Jupyter kernels.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

__version__ = "0.1.0"

if TYPE_CHECKING:
    from labkit.course import record as record
    from labkit.exercises import check as check

# The two functions that every lesson calls, and the room that each lives in.
_FUNCTIONS = {"check": "exercises", "record": "course"}
_ROOMS = {module.name for module in pkgutil.iter_modules(__path__)} - {"__main__"}


def __getattr__(name: str) -> Any:
    """Load a room, or a function that every lesson calls, when it is first named."""
    if name in _ROOMS:
        return importlib.import_module(f"labkit.{name}")
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"labkit.{_FUNCTIONS[name]}"), name)
    raise AttributeError(f"module 'labkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS, *_FUNCTIONS])
