"""Exports: what is written is read back the same, says what it is, and what cannot be written is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from benchmarks import exports
from tiny_model import write_gguf

from labkit import models, paths
from labkit.models.base import METADATA


def fields(file):
    from gguf import GGUFReader

    found = GGUFReader(file).fields
    return {name: field.contents() for name, field in found.items() if not name.startswith("GGUF.")}


def same_weights(a: models.Generator, b: models.Generator) -> bool:
    import torch

    first, second = a.model.state_dict(), b.model.state_dict()
    return set(first) == set(second) and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def exported(reader, tmp_path_factory):
    """The fine-tuned reader, merged, and the folder of its export."""
    tuned = models.load_tuned(paths.adapter("sft"), reader)
    return tuned, models.export_gguf(tuned, tmp_path_factory.mktemp("export") / "sft")


def test_a_gguf_export_is_read_back_with_the_same_weights_and_metadata(exported, real_base):
    tuned, folder = exported
    source, written = fields(real_base / METADATA), fields(folder / "model.gguf")
    assert set(written) == set(source)
    assert {name for name in source if written[name] != source[name]} == {"general.file_type"}
    back = models.load_generator(str(folder / "model.gguf"))
    assert same_weights(back, tuned)
    asked = exports.questions(8)
    assert [back.text(p.messages) for p in asked] == [tuned.text(p.messages) for p in asked]
    # All hundred: `python tests/benchmarks/exports.py`.
    assert exports.replies(back, asked) == exports.replies(tuned, asked)
    assert (folder / "Modelfile").read_text().startswith("FROM ./model.gguf\nTEMPLATE")
    assert "modification" in (folder / "NOTICE").read_text()
    assert sorted(p.name for p in folder.iterdir()) == ["Modelfile", "NOTICE", "model.gguf"]


def test_llama_cpp_reads_a_gguf_export(exported):
    pytest.importorskip("llama_cpp", reason="llama-cpp-python, built from source, is not installed")
    tuned, folder = exported
    figures = exports.compare_llama_cpp(tuned, folder / "model.gguf", exports.questions(20))
    assert figures["prompts with the same tokens"] == 20 and figures["same replies"] >= 16


def test_another_model_takes_the_metadata_of_its_own_file(tmp_path):
    file = write_gguf(tmp_path / "tiny.gguf")
    tiny = models.load_generator(str(file))
    folder = models.export_gguf(tiny, tmp_path / "out", source=file)
    assert set(fields(folder / "model.gguf")) == set(fields(file))
    assert same_weights(models.load_generator(str(folder / "model.gguf")), tiny)


def test_a_safetensors_export_is_a_model_as_transformers_reads_it(tmp_path):
    tiny = models.load_generator(str(write_gguf(tmp_path / "tiny.gguf")))
    folder = models.export_safetensors(tiny, tmp_path / "out")
    assert same_weights(models.load_generator(str(folder)), tiny) and (folder / "NOTICE").exists()


def test_what_cannot_be_exported_is_told(tmp_path, reader):
    from transformers import GPT2Config, GPT2LMHeadModel

    other = replace(reader, model=GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=24, n_layer=1, n_head=2)), name="o")
    with pytest.raises(ValueError, match="only Llama models"):
        models.export_gguf(other, tmp_path / "gpt2")
    quantized = models.load_generator(quantization="nf4")
    for export in (models.export_gguf, models.export_safetensors):
        with pytest.raises(ValueError, match="quantized"):
            export(quantized, tmp_path / "nf4")
