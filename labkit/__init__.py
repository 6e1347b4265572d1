"""labkit: the helper package of a course on retrieval, fine-tuning, and what they cost.

Importing the package loads no heavy library; each room (`labkit.corpus`, `labkit.models`, ...)
loads what it needs when it is first used.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

# Tokenizers must not fork threads under pytest-xdist or Jupyter kernels.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

__version__ = "0.1.0"

_ROOMS = (
    "bench",
    "cli",
    "corpus",
    "course",
    "exercises",
    "feedback",
    "metrics",
    "models",
    "paths",
    "profiles",
    "prompts",
    "quantities",
    "rag",
    "tune",
    "widgets",
)

if TYPE_CHECKING:
    from labkit import (
        bench,
        cli,
        corpus,
        course,
        exercises,
        feedback,
        metrics,
        models,
        paths,
        profiles,
        prompts,
        quantities,
        rag,
        tune,
        widgets,
    )
    from labkit.course import check, record


def __getattr__(name: str) -> Any:
    """Load a room, or one of the two functions every lesson uses, when it is first named."""
    if name in _ROOMS:
        return importlib.import_module(f"labkit.{name}")
    if name in ("check", "record"):
        return getattr(importlib.import_module("labkit.course"), name)
    raise AttributeError(f"module 'labkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS, "check", "record"])


__all__ = [
    "__version__",
    "bench",
    "check",
    "cli",
    "corpus",
    "course",
    "exercises",
    "feedback",
    "metrics",
    "models",
    "paths",
    "profiles",
    "prompts",
    "quantities",
    "rag",
    "record",
    "tune",
    "widgets",
]
