"""Folders and files that cannot be used are refused in one sentence, and nothing is written elsewhere."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from labkit import course, paths


@pytest.fixture(autouse=True)
def build(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LABKIT_BUILD", str(tmp_path / "build"))
    monkeypatch.delenv("LABKIT_CACHE", raising=False)
    return tmp_path / "build"


def one_sentence(raised: pytest.ExceptionInfo) -> bool:
    text = str(raised.value)
    return "\n" not in text and text.endswith(".") and len(text) < 300


@pytest.mark.parametrize("lesson", ["../../x", "/etc/x", "a/b", "..", ".", "", ".hidden", "a\\b", "x\n", "C:x"])
def test_a_record_stays_in_its_folder(lesson, build):
    with pytest.raises(ValueError, match="cannot be called") as raised:
        course.record(lesson, answer=1)
    assert one_sentence(raised)
    assert not list(build.parent.rglob("*.json"))


@pytest.mark.parametrize("lesson", ["01", "A1", "03_retrieval", "my-own.2"])
def test_plain_names_are_recorded(lesson, build):
    assert course.record(lesson, answer=1) == build.resolve() / "results" / f"{lesson}.json"
    assert course.read_record(build.resolve() / "results" / f"{lesson}.json")["answer"] == 1


@pytest.mark.parametrize(
    "content",
    [b'{"answer": ', b"", b"[1, 2]", b"\xff\xfe\x00", b'"text"', b"null", b'{"timings": 3}', b"\x00" * 100],
)
def test_a_damaged_record_says_what_to_do_and_stays(content):
    path = course.record("01", answer=1)
    path.write_bytes(content)
    for use in (lambda: course.record("01", other=2), lambda: course.read_record(path)):
        with pytest.raises(ValueError, match=r"damaged: delete the file and run the lesson again") as raised:
            use()
        assert one_sentence(raised)
    assert path.read_bytes() == content


def test_a_folder_in_place_of_a_record_says_so(build):
    (build / "results" / "01.json").mkdir(parents=True)
    with pytest.raises(ValueError, match="damaged") as raised:
        course.record("01", answer=1)
    assert one_sentence(raised)


@pytest.mark.parametrize(("setting", "use"), [("LABKIT_BUILD", paths.build), ("LABKIT_CACHE", paths.cache)])
def test_a_folder_that_cannot_be_made_names_its_setting(setting, use, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    for wrong in (tmp_path / "file", tmp_path / "file" / "below", "/proc/nothing/here", tmp_path / ("x" * 300)):
        monkeypatch.setenv(setting, str(wrong))
        with pytest.raises(ValueError, match=f"cannot be made .*set {setting} to one") as raised:
            use()
        assert "\n" not in str(raised.value)
    assert (tmp_path / "file").read_text() == "mine"


def test_the_home_folder_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for setting, use in (("LABKIT_CACHE", paths.cache), ("LABKIT_BUILD", paths.build)):
        monkeypatch.setenv(setting, "~/x/y")
        assert use() == tmp_path.resolve() / "x" / "y"
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("LABKIT_DATA", "~/data")
    assert paths.data() == (tmp_path / "data").resolve()
    assert not (tmp_path / "~").exists()


def test_a_full_disk_is_said_and_loses_nothing():
    path = course.record("01", answer=1)
    before = path.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        with pytest.raises(ValueError, match="cannot be written") as raised:
            course.record("01", rows=list(range(5000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert one_sentence(raised) and path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["01.json"]


@pytest.mark.parametrize("place", ["/proc/x.json", "/sys/x.json", "/dev/null/x.json"])
def test_a_read_only_place_is_said(place):
    with pytest.raises(ValueError, match="cannot be written") as raised:
        paths.write_atomic(Path(place), "text")
    assert one_sentence(raised)
