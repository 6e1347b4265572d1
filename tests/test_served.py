"""What the last lesson shows of hosted models and served vector stores."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import chromadb
import numpy as np
import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import SimpleVectorStore, VectorStoreQuery
from llama_index.core.vector_stores.types import BasePydanticVectorStore
from llama_index.embeddings.bedrock import BedrockEmbedding
from llama_index.llms.bedrock_converse import BedrockConverse
from llama_index.vector_stores.chroma import ChromaVectorStore
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import QdrantClient

RANDOM = np.random.default_rng(14)
VECTORS, QUERIES = RANDOM.normal(size=(60, 8)), RANDOM.normal(size=(12, 8))


def found(store: BasePydanticVectorStore) -> list[list[str]]:
    """The three passages nearest to each query, of a store that takes all of them."""
    store.add([TextNode(id_=str(UUID(int=n)), text=f"p{n}", embedding=v.tolist()) for n, v in enumerate(VECTORS)])
    asked = [store.query(VectorStoreQuery(query_embedding=q.tolist(), similarity_top_k=3)) for q in QUERIES]
    return [list(answer.ids or []) for answer in asked]


@pytest.fixture(scope="module")
def in_process() -> list[list[str]]:
    nearest = found(SimpleVectorStore())
    scores = QUERIES @ VECTORS.T / np.linalg.norm(VECTORS, axis=1)
    assert [int(UUID(row[0])) for row in nearest] == scores.argmax(axis=1).tolist()
    return nearest


def test_qdrant_in_process_finds_the_same(in_process):
    assert found(QdrantVectorStore("contracts", client=QdrantClient(":memory:"), index_doc_id=False)) == in_process


@pytest.fixture
def chroma_port(tmp_path: Path) -> Iterator[int]:
    """A Chroma server of its own, on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    program = Path(sys.executable).with_name("chroma")
    arguments = ["run", "--path", str(tmp_path), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield port
    server.terminate()
    server.wait(20)


def connected(port: int, patience: float = 60) -> Any:
    """Chroma's client, once its server answers."""
    start = time.monotonic()
    while True:
        try:
            return chromadb.HttpClient(host="127.0.0.1", port=port)
        except ValueError:
            if time.monotonic() - start > patience:
                raise
            time.sleep(0.5)


def test_a_served_chroma_finds_the_same(in_process, chroma_port):
    collection = connected(chroma_port).create_collection("contracts", metadata={"hnsw:space": "cosine"})
    assert found(ChromaVectorStore(chroma_collection=collection)) == in_process


def test_bedrock_s_models_are_constructed_without_asking_amazon(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    asked = BedrockConverse(
        model="amazon.titan-text-express-v1", region_name="eu-west-1", max_tokens=256, temperature=0
    )
    embedded = BedrockEmbedding(model_name="amazon.titan-embed-text-v2:0", region_name="eu-west-1")
    assert asked.metadata.context_window > 1000 and embedded.model_name.startswith("amazon.titan")
