"""Training on the course's data: so far embedder and reranker; fine-tuning of the generator joins them here.

Floor 2, beside `rag`: the two never import each other.
"""

from labkit.tune.embedder import Triplet, load_embedder, train_embedder, triplets
from labkit.tune.reranker import Pair, load_reranker, pairs, train_reranker

__all__ = [
    "Pair",
    "Triplet",
    "load_embedder",
    "load_reranker",
    "pairs",
    "train_embedder",
    "train_reranker",
    "triplets",
]
