"""Checksums of what is written."""

from __future__ import annotations

import pytest
from synthesis.checked import write_checked

from labkit import paths


def test_a_result_is_written_with_its_checksum_and_approves_no_other(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        write_checked(name, "[1]\n", tmp_path)
    (tmp_path / "a.jsonl").write_text("[2]\n", encoding="utf-8")
    write_checked("b.jsonl", "[3]\n", tmp_path)
    assert paths.read_rows("b.jsonl", tmp_path) == [[3]]
    with pytest.raises(ValueError, match="not what was shipped"):
        paths.read_rows("a.jsonl", tmp_path)
