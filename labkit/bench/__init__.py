"""Measuring: techniques side by side on the same questions, and the benchmark on the test split.

Floor 3. `runs` compares pipelines; `arms` builds those that the test split judges.
"""

from labkit.bench.arms import (
    Desks,
    benchmark,
    best,
    desks,
    naive,
    shipped_benchmark,
    shipped_questions,
    shipped_replies,
    write_benchmark,
    write_questions,
)
from labkit.bench.graphs import linking_scores, shipped_triples, triple_scores, write_triples
from labkit.bench.runs import (
    BUDGET,
    METRICS,
    K,
    Run,
    boxes_table,
    by,
    differences,
    mean,
    measure,
    only,
    sample,
    techniques,
    timings,
    versus,
    where,
)

__all__ = [
    "BUDGET",
    "METRICS",
    "Desks",
    "K",
    "Run",
    "benchmark",
    "best",
    "boxes_table",
    "by",
    "desks",
    "differences",
    "linking_scores",
    "mean",
    "measure",
    "naive",
    "only",
    "sample",
    "shipped_benchmark",
    "shipped_questions",
    "shipped_replies",
    "shipped_triples",
    "techniques",
    "timings",
    "triple_scores",
    "versus",
    "where",
    "write_benchmark",
    "write_questions",
    "write_triples",
]
