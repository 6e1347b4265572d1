"""The exercises of lesson 06. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from labkit import bench, corpus, rag
from labkit.exercises.checking import exercise
from labkit.exercises.dev_archive import (
    lookup_pipeline,
    near,
)
from labkit.values import Quantity, difference, parse_quantity


@exercise("06.1")
def amended_contracts(answer: Any) -> str | None:
    graph = lookup_pipeline().graph
    values = rag.matrix(graph, graph.contracts("Ironbloom B.V."), corpus.clause_relations())
    if near(answer, sum(any(value.replaced for value in row.values()) for row in values.values()), 0.1):
        return None
    return "rag.matrix gives the values in force; count rows where one has `replaced`."


@exercise("06.2")
def difference_of_periods(answer: Any) -> str | None:
    expected = difference(parse_quantity("eighteen months"), parse_quantity("two (2) years"))  # type: ignore[arg-type]
    quantity = parse_quantity(str(answer))
    if quantity is not None and expected is not None and difference(quantity, expected) == Quantity(0, quantity.unit):
        return None
    return "Give difference(...) of the two quantities, parsed with parse_quantity, as a text such as '5 days'."


@exercise("06.3")
def look_up_that_refuses_more(answer: Any) -> str | None:
    pipeline = replace(lookup_pipeline(), floor=0.5)
    run = bench.measure("", bench.dev_questions("many documents"), pipeline)
    if near(answer, bench.mean(run, "answer_accuracy").value):
        return None
    return (
        "Measure rag.ToolPipeline(retriever, ranker, retriever.understand, rag.GraphLookupTool(graph), floor=0.5) "
        "over asked."
    )
