"""Training on the course's data: so far the reranker; fine-tuning of the generator joins it here.

Floor 2, beside `rag`: the two never import each other.
"""

from labkit.tune.reranker import Pair, load_reranker, pairs, train_reranker

__all__ = ["Pair", "load_reranker", "pairs", "train_reranker"]
