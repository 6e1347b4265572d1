"""Measuring: results_table side by side on the same questions, and the benchmark on the test split.

Floor 3. `runs` compares pipelines; `arms` builds those that the test split judges.
"""

from labkit.bench.graph_scores import linking_scores, shipped_triples, triple_scores
from labkit.bench.runs import (
    BUDGET,
    METRICS,
    K,
    Run,
    differences,
    error_table,
    mean,
    mean_by,
    measure,
    only,
    results_table,
    sample,
    timings,
    versus,
    where,
)
from labkit.bench.systems import (
    Systems,
    benchmark,
    best,
    build_systems,
    naive,
    shipped_benchmark,
    shipped_questions,
    shipped_replies,
    write_benchmark,
)

__all__ = [
    "BUDGET",
    "METRICS",
    "K",
    "Run",
    "Systems",
    "benchmark",
    "best",
    "build_systems",
    "differences",
    "error_table",
    "linking_scores",
    "mean",
    "mean_by",
    "measure",
    "naive",
    "only",
    "results_table",
    "sample",
    "shipped_benchmark",
    "shipped_questions",
    "shipped_replies",
    "shipped_triples",
    "timings",
    "triple_scores",
    "versus",
    "where",
    "write_benchmark",
]
