"""The page on this machine names each problem, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import shutil
from types import SimpleNamespace

import pytest

from labkit import course, paths
from labkit.course import doctor


def found(subject: str) -> doctor.Finding:
    return next(f for f in course.examine() if f.subject == subject)


def test_a_sound_machine_has_nothing_to_do(real_base):
    rows = course.examine()
    assert {f.subject for f in rows} >= {
        "machine",
        "packages",
        "disk",
        "data and adapters",
        "base model",
        "profile now",
    }
    assert [f for f in rows if f.advice] == []
    assert course.page(rows).endswith("Nothing to do.")


def test_a_package_of_another_version_is_named(monkeypatch):
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.9" if name == "scipy" else real(name))
    assert "scipy 0.9 (wanted" in found("packages").seen and "pip install --upgrade" in found("packages").advice


def test_a_missing_package_is_a_problem_and_an_optional_one_is_not(monkeypatch):
    real = importlib.metadata.version

    def version(name):
        if name in ("scipy", "faiss-cpu"):
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert found("packages").seen == "scipy is missing"
    assert "scale" in found("further packages").seen and not found("further packages").advice


def test_a_full_disk_and_a_missing_base_are_said(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e8))
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path))
    monkeypatch.setenv("LABKIT_BASE", str(tmp_path))
    assert "Free 2 GB, or name another folder in LABKIT_BUILD" in found("disk").advice
    assert "labkit base" in found("base model").advice
    assert "What to do:\n- disk: Free 2 GB" in course.page(course.examine())


def test_a_changed_file_is_named(monkeypatch):
    monkeypatch.setattr(doctor.corpus, "changed_files", lambda: dict.fromkeys(["a.txt", "prices.toml"], "changed"))
    assert found("data and adapters").seen == "1 files differ: a.txt changed"
    monkeypatch.setattr(doctor.corpus, "changed_files", lambda: {"prices.toml": "missing"})
    assert found("data and adapters").seen == "1 files differ: prices.toml missing"


def test_what_cannot_be_looked_at_hides_nothing_else(monkeypatch):
    monkeypatch.setattr(doctor, "prepared", lambda: 1 / 0)
    assert "ZeroDivisionError" in found("base model").seen and found("profile now").seen


@pytest.mark.parametrize("name", ["t4", "gpu80"])
def test_each_profile_says_whether_it_would_run(name):
    assert f"LABKIT_PROFILE={name} chooses it" in found(f"profile {name}").seen
    assert paths.build().exists()
