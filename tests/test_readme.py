"""What the README says the course found is what the replies that come with the course give."""

from __future__ import annotations

import json
import re

import style

from labkit import bench, corpus, models, paths, rag

# A percent sign may move by one question where another processor orders two almost equal passages the other way.
POINTS = 2


def section(heading: str) -> str:
    readme = (style.ROOT / "README.md").read_text(encoding="utf-8")
    return readme.split(f"## {heading}")[1].split("\n## ")[0]


def test_what_the_benchmark_found():
    """The figures are those of the answers that come with the course, and what lesson 13 was saved with."""
    runs = {name: bench.averaged(seeds) for name, seeds in bench.load_runs(bench.shipped_grid()).items()}
    lookups, without = (
        {name: bench.where(run, lambda q, task=task: (q.half, q.task) == ("new", task)) for name, run in runs.items()}
        for task in ("lookup", "unanswerable")
    )
    right = {name: bench.mean(run, "answer_accuracy").value for name, run in lookups.items()}
    refused = {name: bench.mean(run, "refused_rightly").value for name, run in without.items()}
    gains = bench.differences([(lookups["RAG + SFT"], lookups[n], "answer_accuracy") for n in ("SFT", "best RAG")])
    wanted = [right[name] for name in ("best RAG", "SFT", "RAG + SFT", "oracle")]
    wanted += [g[key] for g in gains.to_dict("records") for key in ("difference", "low", "high")]
    wanted += [right["tools"], *(refused[name] for name in ("tools", "RAG + SFT", "best RAG"))]
    text = section("What the benchmark found")
    said = [int(n) for n in re.findall(r"(-?\d+)(?= %| points| to|\))", text.split("people")[0])]
    assert said == [round(100 * value) for value in wanted]
    cited = json.loads(paths.read_checked("lessons.json", paths.shipped_results()))["13"]["43357061"][-1]
    ends = [round(float(n)) for n in re.findall(r"from ([\d.]+) to ([\d.]+) questions", cited)[0]]
    assert [int(n) for n in re.findall(r"\((\d+) to (\d+)\)", text.split("people")[1])[0]] == ends


def test_what_the_course_found(reader):
    documents, contracts = corpus.load_documents("dev"), corpus.contract_records()
    asked = bench.dev_questions("reading")
    routed = rag.Routed(bench.hybrid(documents), rag.Router(rag.titles(documents)))
    systems = {
        "naive": bench.naive(documents, models.load_embedder(shipped=paths.vectors()), reader),
        "routed": rag.Pipeline(routed, reader, top_k=3),
        "oracle": rag.Pipeline(rag.oracle(asked, documents, contracts), reader, top_k=3),
    }
    runs = {name: bench.measure(name, asked, system, live=0) for name, system in systems.items()}
    right, found, refused = (
        {name: bench.mean(run, metric).value for name, run in runs.items()}
        for metric in ("answer_accuracy", "evidence_in_prompt", "refused_rightly")
    )
    gain = bench.versus([runs["naive"], runs["routed"]], "naive", ["answer_accuracy"]).iloc[0]
    figures = [right["oracle"], refused["oracle"], found["naive"], right["naive"], found["routed"], right["routed"]]
    text = section("What it found on the way")
    said = [int(n) for n in re.findall(r"(\d+)(?= %| points| to|\))", text) if n != "95"]
    wanted = [*figures, gain.difference, gain.low, gain.high]
    assert len(said) == len(wanted), said
    assert [(a, 100 * b) for a, b in zip(said, wanted, strict=True) if abs(a - 100 * b) > POINTS] == []
    assert gain.p < 0.05
