"""One page on this machine: what is installed, what is there, what would run, and what to do about each problem."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from labkit import corpus, models, paths, profiles
from labkit.models.base import prepared
from labkit.models.memory import free_mb

# What the course writes: models that are converted once, vectors, adapters, executed lessons.
GIGABYTES = 2.0


def machine() -> dict[str, str | int | float]:
    """What this computer offers: processor, memory, GPU, bfloat16, versions; printed by lesson 00."""
    import torch

    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 if hasattr(os, "sysconf") else 0.0
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory (GB)": round(gigabytes, 1),
        "gpu": gpu,
        "bfloat16": "native" if models.native_bf16() else "emulated",
    }


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was seen, and what to do about it; empty where all is well."""

    subject: str
    seen: str
    advice: str = ""


def examine() -> list[Finding]:
    """Everything that the page shows; whatever cannot be looked at is a problem of its own, and the rest is shown."""
    found: list[Finding] = []
    for subject, look in _LOOKS.items():
        try:
            found += look()
        except Exception as cause:  # a broken installation fails in ways that nobody has listed
            found.append(Finding(subject, f"{type(cause).__name__}: {cause}", "Mend this first, then look again."))
    return found


def page(found: Iterable[Finding]) -> str:
    """The findings as text, problems marked and repeated at the end."""
    rows = list(found)
    width = max(len(f.subject) for f in rows)
    lines = [f"{'!!' if f.advice else 'ok'}  {f.subject:<{width}}  {f.seen}" for f in rows]
    problems = [f"- {f.subject}: {f.advice}" for f in rows if f.advice]
    return "\n".join([*lines, "", *(["What to do:", *problems] if problems else ["Nothing to do."])])


def _machine() -> list[Finding]:
    seen = ", ".join(f"{name} {value}" for name, value in machine().items())
    return [Finding("machine", seen), Finding("memory", f"{free_mb():,.0f} MB free")]


def _packages() -> list[Finding]:
    """The packages that labkit needs, against the versions that it was tried with."""
    from packaging.requirements import Requirement

    wrong, missing, extras = [], [], set[str]()
    offered = importlib.metadata.metadata("labkit").get_all("Provides-Extra") or []
    for line in importlib.metadata.requires("labkit") or []:
        wanted = Requirement(line)
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                missing.append(wanted.name)
            else:
                extras |= {name for name in offered if wanted.marker.evaluate({"extra": name})}
            continue
        if not wanted.specifier.contains(version, prereleases=True):
            wrong.append(f"{wanted.name} {version} (wanted {wanted.specifier})")
    advice = "Install labkit anew: pip install --upgrade labkit." if wrong or missing else ""
    said = "; ".join([*(f"{name} is missing" for name in missing), *wrong]) or "as labkit wants them"
    return [
        Finding("packages", said, advice),
        Finding("further packages", f"not installed: {', '.join(sorted(extras))}" if extras else "all installed"),
    ]


def _disk() -> list[Finding]:
    folder = paths.build()
    free = shutil.disk_usage(folder).free / 1e9
    advice = f"Free {GIGABYTES:g} GB, or name another folder in LABKIT_BUILD." if free < GIGABYTES else ""
    writes = "" if os.access(folder, os.W_OK) else f"{folder} does not take files: name another in LABKIT_BUILD."
    return [Finding("disk", f"{free:,.1f} GB free in {folder}", writes or advice)]


def _data() -> list[Finding]:
    wrong = {name: what for name, what in corpus.changed_files().items() if (name, what) != ("prices.toml", "changed")}
    shown = ", ".join(f"{name} {what}" for name, what in list(wrong.items())[:3])
    advice = "Fetch the course anew: labkit refuses files that are not as they were shipped." if wrong else ""
    return [Finding("data and adapters", f"{len(wrong)} files differ: {shown}" if wrong else "complete", advice)]


def _base() -> list[Finding]:
    there = prepared()
    advice = "" if there else "Fetch it once where there is network: labkit base (93 MB)."
    return [Finding("base model", f"in {there}" if there else "not fetched yet", advice)]


def _profiles() -> list[Finding]:
    """The profile that is chosen, and what the others would need."""
    now = profiles.get()
    rows = [Finding("profile now", now.describe())]
    for name, profile in profiles.PROFILES.items():
        if name != now.name:
            runs = name in ("embedded", "cpu") or models.device() == "cuda"
            fits = "" if runs else " (needs a GPU, none is seen here)"
            rows.append(Finding(f"profile {name}", f"{profile.generator.id}{fits}; LABKIT_PROFILE={name} chooses it"))
    return rows


_LOOKS: dict[str, Callable[[], list[Finding]]] = {
    "machine": _machine, "packages": _packages, "disk": _disk, "data and adapters": _data, "base model": _base,
    "profiles": _profiles,
}  # fmt: skip
