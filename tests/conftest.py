"""Shared by all tests: the network is cut off, nothing is written outside a temporary folder."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).resolve().parents[1]

# Also where pytest is started by hand, without `labkit test`.
runpy.run_path(str(ROOT / "tests" / "offline" / "sitecustomize.py"))


@pytest.fixture(scope="session", autouse=True)
def build_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results and caches of the tests stay out of the checkout."""
    folder = tmp_path_factory.mktemp("build")
    os.environ["LABKIT_BUILD"] = str(folder)
    import torch

    torch.set_num_threads(1)
    return folder


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build folder of a test's own."""
    monkeypatch.setenv("LABKIT_BUILD", str(tmp_path / "build"))
    return tmp_path / "build"


@pytest.fixture(scope="session")
def embedder():
    """The shipped embedder."""
    from labkit import models

    return models.load_embedder()


@pytest.fixture(scope="session")
def real_base() -> Path:
    """SmolLM2-135M-Instruct in the cache of the run; `make test` fetches it beforehand, 93 MB."""
    from labkit import models

    return models.base_model()


@pytest.fixture(scope="session")
def reader(real_base):
    """The shipped reader."""
    from labkit import models

    return models.load_generator()
