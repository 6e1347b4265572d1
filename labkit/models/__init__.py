"""Models: the generator that writes answers, the embedder that finds passages, the reranker that orders them.

Floor 1. All load what labkit carries, any Hugging Face id, or a local folder. Everything that changes
from release to release of transformers, sentence-transformers and bitsandbytes is called here and nowhere
else.
"""

from labkit.models.embedder import VECTORS, Embedder, embedder_from_llama_index, load_embedder, minilm_path
from labkit.models.generator import (
    DTYPES,
    QUANTIZATIONS,
    Generator,
    Grammar,
    LlamaIndexGenerator,
    from_llama_index,
    load_generator,
)
from labkit.models.loading import Store, device, digest, native_bf16
from labkit.models.reranker import Reranker, load_reranker

__all__ = [
    "DTYPES",
    "QUANTIZATIONS",
    "VECTORS",
    "Embedder",
    "Generator",
    "Grammar",
    "LlamaIndexGenerator",
    "Reranker",
    "Store",
    "device",
    "digest",
    "embedder_from_llama_index",
    "from_llama_index",
    "load_embedder",
    "load_generator",
    "load_reranker",
    "minilm_path",
    "native_bf16",
]
