"""What the README says the course found is what the replies that come with the course give."""

from __future__ import annotations

import re

import style

from labkit import bench, corpus, models, paths, rag

# A percent sign may move by one question where another processor orders two almost equal passages the other way.
POINTS = 2


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
    readme = (style.ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("## What it found so far")[1].split("\n## ")[0]
    said = [int(n) for n in re.findall(r"(\d+)(?= %| points| to|\))", section) if n != "95"]
    wanted = [*figures, gain.difference, gain.low, gain.high]
    assert len(said) == len(wanted), said
    assert [(a, 100 * b) for a, b in zip(said, wanted, strict=True) if abs(a - 100 * b) > POINTS] == []
    assert gain.p < 0.05
