"""Where things live, and checksums of what is read and written."""

from __future__ import annotations

import pytest

from labkit import paths


def test_a_wrong_data_folder_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="LABKIT_DATA"):
        paths.data()
