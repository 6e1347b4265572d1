"""A folder of your own documents, from reading them to the decision report.

Whatever is done is on disk: started again with the same folder for its results, a run goes on where it was.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from labkit import bench, corpus, models, paths, profiles, questions, rag, roi, stats, tune
from labkit.bench.arms import Answerer, Arm
from labkit.bench.grid import digest, read_rows, read_times
from labkit.corpus import Document, Question, Span

TASKS = ("lookup", "unanswerable")
SYSTEMS = {"closed-book": "closed-book", "naive RAG": "naive", "best RAG": "best", "full window": "full window"}
TRAINED = "best RAG + SFT"
# Questions for training, on documents that are not measured on, from which training is worth a try.
ENOUGH = 100
EPOCHS = 3.0
# What nobody measured; a person's own figures belong here.
ASSUMED: Mapping[str, Any] = {"value": 10.0, "loss": 20.0, "person_minutes": 10.0, "per_day": 50.0}
# A difference worth finding, for the sample size.
EFFECT = 0.1
_TIMED = 200
_COUNTED = "*Refused rightly* counts questions without an answer, the other columns those with one; decision.html all."
_CAUSES = "An answer counts once, by what failed first: a refusal whose evidence was not found, by the search."


def read_questions(path: Path, documents: Sequence[Document]) -> list[Question]:
    """Questions about your documents, with their answers and evidence.

    Args:
        path: a file of `questions.save`, of which those dropped are left out; or JSON lines (.jsonl), or a table
            (.csv), with `question`, `answer` (empty: the documents hold none), `evidence` (the words that prove the
            answer, as they stand in the document; of several pieces, in JSON, a list) and, where these words stand in
            several documents, `document` (the file's name).
        documents: of `corpus.load_folder`.

    Raises:
        ValueError: a row cannot be used; the message says which, and what to do.
    """
    rows = _rows(path)
    if _by_a_model(rows):
        kept = [(n, row) for n, row in enumerate(questions.load(path), 1) if row.dropped is None]
        return [_question(n, row.question, row.answer, (row.source,)) for n, row in kept]
    texts = {document.id: document for document in documents}
    asked = []
    for number, row in enumerate(rows, 1):
        try:
            asked.append(_of_row(number, row, texts))
        except (KeyError, TypeError, ValueError) as cause:
            raise ValueError(f"Question {number} of {path.name} cannot be used: {cause}") from cause
    if not asked:
        raise ValueError(f"{path.name} holds no question: write some, or leave --questions out.")
    return asked


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")  # Excel writes a mark at the beginning
        if path.suffix == ".csv":
            # The names of the columns hold neither sign; where decimals have commas, Excel writes semicolons.
            table = pd.read_csv(StringIO(text), sep=",;"[";" in text.split("\n")[0]], dtype=str, keep_default_na=False)
            return table.to_dict("records")  # type: ignore[return-value]
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except (OSError, ValueError) as cause:
        raise ValueError(f"{path.name} cannot be read as a table (.csv) or JSON lines, in UTF-8: {cause}") from cause


def _by_a_model(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these are the rows of a file of `questions.save`."""
    return bool(rows) and "source" in rows[0]


def _of_row(number: int, row: Mapping[str, Any], texts: Mapping[str, Document]) -> Question:
    if missing := [name for name in ("question", "answer") if name not in row]:
        raise ValueError(f"it has no {missing[0]!r}; each needs a question, its answer and its evidence.")
    answer, name = row["answer"] or None, row.get("document")
    if name and name not in texts:
        raise ValueError(f"there is no document {name!r}; name a file of the folder, as it was read.")
    quotes = row.get("evidence") or []
    quotes = [quotes] if isinstance(quotes, str) else quotes
    if answer is not None and not quotes:
        raise ValueError("it has an answer without evidence; add the words of the document that prove it.")
    inside = [texts[name]] if name else list(texts.values())
    spans = tuple(_found(quote, inside) for quote in quotes)
    return _question(number, row["question"], answer, spans, name)


def _found(quote: str, documents: Sequence[Document]) -> Span:
    """Where a quotation stands, whatever blanks and line breaks there are."""
    pattern = re.compile(r"\s+".join(map(re.escape, quote.split())))
    places = [Span(d.id, *m.span()) for d in documents if (m := pattern.search(d.text))]
    if len(places) != 1:
        where = "stand in no document that was read" if not places else f"stand in {len(places)} documents"
        raise ValueError(f"the words {quote[:60]!r} {where}; quote them exactly, and name the document.")
    return places[0]


def _question(number: int, text: str, answer: str | None, evidence: tuple[Span, ...], name: Any = None) -> Question:
    about = tuple(dict.fromkeys(span.document for span in evidence)) or ((str(name),) if name else ())
    return Question(
        id=f"own-{number:04d}", task=TASKS[answer is None], question=text, answer=answer, evidence=evidence,
        documents=about, stratum="own", split="own",
    )  # fmt: skip


def read_assumptions(rows: Sequence[str]) -> dict[str, Any]:
    """Fields of `roi.Assumptions` from texts such as "value=12"; of a price its id.

    Raises:
        ValueError: there is no such field, or it is no number.
    """
    kinds = {f.name: type(f.default) for f in fields(roi.Assumptions)}
    assumed = {}
    for row in rows:
        name, _, amount = row.partition("=")
        if name not in kinds:
            raise ValueError(f"There is nothing to assume called {name!r}: choose one of {', '.join(kinds)}.")
        try:
            assumed[name] = amount if kinds[name] is str else float(amount)
        except ValueError as cause:
            raise ValueError(f"{name} is {amount!r}: give a number, such as {name}=12.") from cause
    return assumed


def measure(
    folder: str | Path,
    out: Path,
    file: Path | None = None,
    model: str = profiles.READER,
    assumed: Mapping[str, Any] = ASSUMED,
    progress: bool = True,
) -> list[Path]:
    """Read documents, ask questions about them in several ways, and report what was found.

    Args:
        folder: of your documents.
        out: folder of the results.
        file: of questions, see `read_questions`; without it the model writes them.
        model: that answers, as in `models.load_generator`.
        assumed: fields of `roi.Assumptions`.
        progress: show bars.

    Returns:
        The report, and the files of the decision report.

    Raises:
        ValueError: nothing can be read, no question is left, or `out` holds results of other data or models.
    """
    read = corpus.load_folder(folder)
    paths.write_atomic(out / "documents.txt", read.report() + "\n")
    if file is None:
        file = _write_questions(read.documents, out / "questions.jsonl", model, progress)
    asked = read_questions(file, read.documents)
    arms = [Arm(name, system, model=model, tasks=TASKS) for name, system in SYSTEMS.items()]
    trained, measured = _sides(asked, model)
    grid = bench.Grid(measured, read.documents, arms=arms, adapters=out / "adapters")
    if trained:
        _train(grid, trained, progress)
        arms.append(Arm(TRAINED, "best", ("sft",), model=model, tasks=TASKS))
    bench.run_grid(grid, out, progress=progress)
    if {arm.name for arm in arms} - set(read_times(out)):
        bench.measure_times(grid, out, live=4)
    runs = {name: seeds[0] for name, seeds in bench.load_runs(out, measured, read.documents).items()}
    report = out / "report.md"
    paths.write_atomic(report, _report(read, asked, len(trained), runs, file, model))
    found = roi_arms(runs, out, _index_seconds(read.documents, out), model)
    prices, settings = roi.load_prices(), roi.Assumptions(**{**ASSUMED, **assumed})
    return [report, *roi.decision_report(found, settings, prices, out)]


def _write_questions(documents: Sequence[Document], path: Path, model: str, progress: bool = True) -> Path:
    if not path.exists():
        chunks = rag.chunk(documents, rag.ClauseParser())
        questions.save(questions.write_questions(models.load_generator(model), chunks, progress=progress), path)
    if not questions.survivors(questions.load(path))["kept"]:
        raise ValueError(f"No question that the model wrote passed the filters: see {path}, or give your own.")
    return path


def _sides(asked: Sequence[Question], model: str) -> tuple[list[Question], list[Question]]:
    """Questions to train on and to measure on, about different documents; none to train on where they are few."""
    names = sorted({q.cluster for q in asked if q.documents}, key=digest)
    half = set(names[: len(names) // 2])
    trained = [q for q in asked if q.cluster in half]
    if len(trained) < ENOUGH or models.is_address(model):
        return [], list(asked)
    return trained, [q for q in asked if q.cluster not in half]


def _train(grid: bench.Grid, asked: Sequence[Question], progress: bool) -> None:
    """Teach the model to answer from what the pipeline finds."""
    folder = grid.adapters / "sft"
    if (folder / "adapter_config.json").exists():
        return
    arm = next(arm for arm in grid.arms if arm.system == "best")
    answerer, chats = Answerer(grid), []
    for question, (messages, spans) in zip(asked, answerer.prompts(arm, asked), strict=True):
        # An answer that cites nothing has no evidence among what was found.
        if (reply := rag.cited_reply(question, spans)) != question.answer:
            chats.append(tune.Chat(tuple(messages), reply))
    tune.train_generator(chats, folder, answerer.generator(arm, 0), epochs=EPOCHS, progress=progress)


def _index_seconds(documents: Sequence[Document], out: Path) -> float:
    """How long it takes to embed the archive, scaled from some of its clauses; measured once."""
    file = out / "index.json"
    if not file.exists():
        texts = [node.text for node in rag.clauses_with_headers(documents)]
        embedder = models.load_tuned_embedder(paths.adapter("embedder"))
        embedder.cached = False
        embedder.encode(texts[:1])
        start = time.perf_counter()
        embedder.encode(texts[1 : _TIMED + 1])
        seconds = (time.perf_counter() - start) * len(texts) / max(1, len(texts[1 : _TIMED + 1]))
        paths.write_atomic(file, json.dumps({"seconds": seconds, "clauses": len(texts)}) + "\n")
    return float(json.loads(file.read_text(encoding="utf-8"))["seconds"])


def roi_arms(runs: Mapping[str, bench.Run], out: Path, index_seconds: float, model: str) -> list[roi.Arm]:
    """The arms of a folder of results, as `labkit.roi` compares them."""
    rows, times = read_rows(out), read_times(out)
    record = out / "adapters" / "sft" / "training.json"
    training = tune.read_record(record.parent).seconds if record.exists() else 0.0
    paid = "tokens" if models.is_address(model) else "machine"
    made = []
    for name, run in runs.items():
        answers = pd.DataFrame({
            "question": [q.id for q in run.questions], "contract": run.clusters(),
            "right": [0.0 if a is None or a.refused else a.exact_match for a in run.answers],
            "refused": [float(a is not None and a.refused) for a in run.answers],
            "seconds": times[name]["milliseconds"] / 1000,
            **{c: [rows[name, 0, q.id][c] for q in run.questions] for c in ("prompt_tokens", "reply_tokens")},
        })  # fmt: skip
        index = index_seconds if name != "closed-book" else 0.0
        facts = "index" if index else "nothing"
        made.append(roi.measured_arm(name, answers, index_seconds=index, facts=facts, paid=paid,
                                     training_seconds=training if name == TRAINED else 0.0))  # fmt: skip
    return made


def _report(
    read: corpus.Folder, asked: Sequence[Question], trained: int, runs: Mapping[str, bench.Run], file: Path, model: str
) -> str:
    """The report as Markdown; every section says what it is based on."""
    first, second, *_ = sorted(runs.values(), key=lambda run: -bench.mean(run, "answer_accuracy").value)
    searched = [run for run in runs.values() if run.name != "closed-book"]
    blocks = [
        "# Your documents, measured", "## What was read", read.report(),
        "## What was asked", f"The model that answers is {model}.", _asked(asked, trained, first.questions, file),
        "## How often each way is right", _table(_figures(runs)), _COUNTED, _differences(first, runs),
        "## Would more questions tell more?", _advice(first, second),
        "## What went wrong", _table(bench.error_table(searched).rename_axis("way").reset_index()), _CAUSES,
    ]  # fmt: skip
    return "\n\n".join(blocks) + "\n"


def _asked(asked: Sequence[Question], trained: int, measured: Sequence[Question], file: Path) -> str:
    documents, without = {q.cluster for q in measured if q.documents}, sum(q.answer is None for q in measured)
    lines = [f"{len(measured)} questions about {len(documents)} documents were measured on; {without} of them have no "
             "answer in the documents, so that a refusal is right."]  # fmt: skip
    if trained:
        lines.append(f"{trained} others, about other documents, were trained on.")
    elif len(asked) < 2 * ENOUGH:
        lines.append(f"With fewer than about {2 * ENOUGH} questions nothing is trained: half of them would be too few.")
    if _by_a_model(_rows(file)):
        unchecked = sum(not row.checked for row in questions.load(file) if row.dropped is None)
        lines.append("The model wrote these questions and kept those that it can answer, which flatters it"
                     + (f"; {unchecked} of them no person has checked: see `widgets.QuestionReview`." if unchecked
                        else ", though a person has checked all of them."))  # fmt: skip
    return "\n".join(lines)


def _figures(runs: Mapping[str, bench.Run]) -> pd.DataFrame:
    columns = {"right answers": "answer_accuracy", "refused rightly": "refused_rightly",
               "refused wrongly": "refused_wrongly", "evidence in the prompt": "evidence_in_prompt"}  # fmt: skip
    rows = [{"way": name} | {said: str(bench.mean(run, m)) for said, m in columns.items()}
            | {"seconds a question": f"{run.milliseconds / 1000:.2f}"} for name, run in runs.items()]  # fmt: skip
    return pd.DataFrame(rows)


def _differences(first: bench.Run, runs: Mapping[str, bench.Run]) -> str:
    others = [run for run in runs.values() if run is not first]
    try:
        found = bench.differences([(first, other, "answer_accuracy") for other in others])
    except ValueError as cause:
        return f"Which of these differences are more than chance cannot be told. {cause}"
    lines = [f"- *{first.name}* is ahead of *{o.name}* by {r['difference']:.3f} [{r['low']:.3f}, {r['high']:.3f}]"
             + ("." if r["p"] < stats.LEVEL and r["low"] > 0 else ", which may be chance.")
             for o, r in zip(others, found.to_dict("records"), strict=True)]  # fmt: skip
    said = "Paired by question and document. An interval stands alone; *may be chance* counts all comparisons (Holm):"
    return "\n".join([said, *lines])


def _advice(first: bench.Run, second: bench.Run) -> str:
    values = first.values("answer_accuracy"), second.values("answer_accuracy")
    try:
        size = stats.sample_size(*values, first.clusters(), EFFECT)
    except ValueError as cause:
        return str(cause)
    return (f"To tell a difference of {EFFECT} between *{first.name}* and *{second.name}* takes about {size.questions} "
            f"questions about {size.clusters} documents, if further ones are like these.")  # fmt: skip


def _table(table: pd.DataFrame) -> str:
    lines = [list(map(str, table.columns)), ["---"] * len(table.columns), *table.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)
