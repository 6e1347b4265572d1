"""How good the reader is: every instruction on worlds it has never seen, and what quantization costs.

"known" wordings were trained on (in other worlds); held-out wordings of clauses ("clause"), of
questions ("question") or of both ("both", the instructions' own words too) never were. Every figure
has a 95 % bootstrap interval over the questions. `course_dev` measures on the course's own questions.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from labkit import judge, metrics, models, paths, profiles, prompts, stats
from labkit.metrics import normalise
from labkit.replies import (
    parse_answer,
    parse_classification,
    parse_judgement,
    parse_lines,
    parse_preference,
    parse_triples,
)
from labkit.stats import Interval
from synthesis.reader import examples, extraction

PASSAGES = (1, 3, 8)
PRECISIONS: dict[str, tuple[str, str | None]] = {
    "fp32": ("fp32", None),
    "bf16": ("bf16", None),
    "int8": ("bf16", "int8"),
    "nf4": ("bf16", "nf4"),
}
Figures = dict[str, dict[str, Interval]]
Column = np.ndarray


@dataclass(frozen=True)
class Measure:
    """How an instruction is scored: what a reply adds to some sums, and the figures made of the sums."""

    tally: Callable[[str, str], Sequence[float]]
    figures: Mapping[str, Callable[..., Column]]


def _divide(top: Column, bottom: Column) -> Column:
    """top / bottom; nan where nothing was there to be counted."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.asarray(top, float) / np.asarray(bottom, float))


@dataclass(frozen=True)
class Share:
    """The figure sum[top] / sum[bottom]."""

    top: int
    bottom: int

    def __call__(self, *sums: Column) -> Column:
        return _divide(sums[self.top], sums[self.bottom])


def _f1(right: int, given: int, wanted: int) -> Callable[..., Column]:
    return lambda *sums: _divide(2 * np.asarray(sums[right], float), np.asarray(sums[given], float) + sums[wanted])


def _tally_answer(reply: str, wanted: str) -> Sequence[float]:
    got, gold = parse_answer(reply), parse_answer(wanted)
    same = not got.refused and not gold.refused and normalise(got.text) == normalise(gold.text)
    answered = not got.refused and not gold.refused
    cited = answered and got.citations == gold.citations
    hit = same or (got.refused and gold.refused)
    rows = (1, hit, not gold.refused, got.refused and not gold.refused, not got.refused and not hit, gold.refused,
            got.refused and gold.refused, got.refused, answered, cited, same)  # fmt: skip
    return [float(x) for x in rows]


_ANSWER = Measure(
    _tally_answer,
    {
        "exact_match": Share(1, 0),
        "answered_match": Share(10, 2),
        "wrongly_refused": Share(3, 2),
        "wrong_answers": Share(4, 0),
        "refusal_f1": _f1(6, 7, 5),
        "citation_accuracy": Share(9, 8),
    },
)


def _tally_exact(reply: str, wanted: str) -> Sequence[float]:
    return 1.0, float(normalise(reply) == normalise(wanted)), metrics.token_f1(reply, [wanted])


_TEXT = Measure(_tally_exact, {"exact_match": Share(1, 0), "token_f1": Share(2, 0)})


def _tally_lines(reply: str, wanted: str) -> Sequence[float]:
    got, gold = parse_lines(reply), parse_lines(wanted)
    near = sum(metrics.token_f1(a, [b]) for a, b in zip(got, gold, strict=False))
    same = [normalise(line) for line in got] == [normalise(line) for line in gold]
    return 1.0, float(same), float(len(got) == len(gold)), near / max(len(got), len(gold), 1)


_LINES = Measure(
    _tally_lines, {"exact_match": Share(1, 0), "right_number_of_lines": Share(2, 0), "line_token_f1": Share(3, 0)}
)


def triple_counts(reply: str, wanted: Iterable[tuple[str, str, str]]) -> tuple[float, float, float]:
    """(right, given, wanted) triples, compared after normalisation."""
    got = {tuple(map(normalise, t)) for t in parse_triples(reply)}
    gold = {tuple(map(normalise, t)) for t in wanted}
    return float(len(got & gold)), float(len(got)), float(len(gold))


_TRIPLES = Measure(
    lambda reply, wanted: triple_counts(reply, parse_triples(wanted)),
    {"precision": Share(0, 1), "recall": Share(0, 2), "f1": _f1(0, 1, 2)},
)


def _tally_judge(reply: str, wanted: str) -> Sequence[float]:
    good = bool(parse_judgement(wanted))
    right = parse_judgement(reply) == good
    return float(good), float(good and right), float(not good), float(not good and right)


def _balanced(*sums: Column) -> Column:
    return (_divide(sums[1], sums[0]) + _divide(sums[3], sums[2])) / 2


_JUDGE = Measure(_tally_judge, {"balanced_accuracy": _balanced, "right_accepted": Share(1, 0),
                                "wrong_rejected": Share(3, 2)})  # fmt: skip


def _tally_classify(reply: str, wanted: str) -> Sequence[float]:
    (name, rating), (gold_name, gold_rating) = parse_classification(reply), parse_classification(wanted)
    named, rated = normalise(name) == normalise(gold_name), rating == gold_rating
    return 1.0, float(named), float(rated), float(named and rated)


_CLASSIFY = Measure(_tally_classify, {"exact_match": Share(3, 0), "category": Share(1, 0), "rating": Share(2, 0)})


def _tally_fields(reply: str, wanted: str) -> Sequence[float]:
    gold = {name: (value,) for name, value in extraction.parse_fields(wanted).items()}
    return 1.0, metrics.field_f1("\n".join(parse_lines(reply)), gold)


MEASURES: dict[str, Measure] = {
    "answer": _ANSWER,
    "closed_book": _ANSWER,
    "hyde": Measure(_tally_exact, {"token_f1": Share(2, 0)}),
    "questions": _LINES,
    "rewrite": _TEXT,
    "decompose": _LINES,
    "triples": _TRIPLES,
    "judge": _JUDGE,
    "prefer": Measure(
        lambda r, w: (1.0, float(parse_preference(r) == parse_preference(w))),
        {"accuracy": Share(1, 0)},
    ),
    "compare": _TEXT,
    "classify": _CLASSIFY,
    "term_sheet": Measure(_tally_fields, {"field_f1": Share(1, 0)}),
}


def measure(
    instruction: str, replies: Sequence[str], wanted: Sequence[str], clusters: Sequence[str] | None = None
) -> dict[str, Interval]:
    """Compare replies with the wanted ones.

    Args:
        clusters: what to resample together; every question by itself by default.

    Returns:
        The instruction's figures, each with its interval.
    """
    rule = MEASURES[instruction]
    tallies = np.array([rule.tally(r, w) for r, w in zip(replies, wanted, strict=True)], dtype=float)
    names = list(clusters) if clusters is not None else [str(i) for i in range(len(tallies))]
    return {name: interval(tallies, names, figure) for name, figure in rule.figures.items()}


def interval(tallies: np.ndarray, clusters: Sequence[str], figure: Callable[..., Column]) -> Interval:
    """The interval of a mean where a question counts once or not at all, else that of a ratio, between 0 and 1."""
    if isinstance(figure, Share) and set(tallies[:, figure.bottom]) <= {0.0, 1.0}:
        values = [row[figure.top] if row[figure.bottom] else None for row in tallies]
        return stats.mean_interval(values, clusters)
    found = jackknife_interval(tallies, clusters, figure)
    return replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))


def jackknife_interval(tallies: np.ndarray, clusters: Sequence[str], statistic: Callable[..., Column]) -> Interval:
    """Interval of a statistic of sums: each cluster left out in turn, Student's t with clusters - 1 degrees of freedom.

    The delete-one-cluster jackknife (Cameron and Miller 2015, section VI). Where few clusters differ much in size, 92
    of 100 such intervals hold the true value rather than 95; use `stats.mean_interval` for a mean.

    Args:
        tallies: shape (n, m): what each question adds to each of m sums.
        clusters: n names.
        statistic: takes m arrays of sums, gives the statistic (for a mean: `lambda s, c: s / c`).
    """
    from scipy.stats import t

    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    count = int(index.max()) + 1 if len(index) else 0
    if not count:
        return Interval(math.nan, math.nan, math.nan, 0, 0)
    sums = np.zeros((count, tallies.shape[1]))
    np.add.at(sums, index, tallies)
    total = sums.sum(axis=0)
    value = float(statistic(*total))
    width = math.nan
    if count >= stats.FEWEST_CLUSTERS:
        without = np.asarray(statistic(*(total - sums).T), dtype=float)
        error = math.sqrt((count - 1) * float(np.nanmean((without - value) ** 2)))
        width = float(t.ppf(0.975, count - 1)) * error
    return Interval(value, value - width, value + width, len(tallies), count)


def reply_to(generator: models.Generator, asked: Sequence[examples.Example], progress: bool = False) -> list[str]:
    """Greedy replies of a generator, with room for as long a reply as the instruction needs."""
    longest = max((prompts.NEW_TOKENS.get(e.instruction, 0) for e in asked), default=0)
    return generator.generate([e.messages for e in asked], max_new_tokens=longest or None, progress=progress)


def score(
    generator: models.Generator,
    *,
    instruction: str = "answer",
    passages: int = 3,
    wording: str = "known",
    n: int = 200,
    alike: bool = False,
) -> dict[str, Interval]:
    """Measure a generator on `n` fresh questions of an instruction, with `passages` passages each.

    Prompts that do not fit into the window are left out; the intervals say how many were asked.

    Args:
        alike: only the title tells the passages apart.
    """
    room = generator.max_length - prompts.NEW_TOKENS.get(instruction, generator.max_new_tokens)
    drawn = examples.evaluation(n, passages, wording, instruction=instruction, alike=alike)
    asked = [e for e in drawn if generator.count_tokens(e.messages) <= room]
    return measure(instruction, reply_to(generator, asked), [e.answer for e in asked])


def held_out_worlds(generator: models.Generator, n: int = 200, progress: bool = False) -> Figures:
    """Every instruction on worlds never seen, with known and with held-out wordings.

    Returns:
        Figures by "answer, 3 passages, known", "rewrite, both" and so on.
    """
    from tqdm.auto import tqdm

    cells: list[tuple[str, dict[str, Any]]] = []
    for wording in ("known", "both"):
        cells += [(f"answer, {k} passages, {wording}", {"passages": k, "wording": wording}) for k in PASSAGES]
        cells.append((f"answer, 3 passages alike, {wording}", {"wording": wording, "alike": True}))
    for instruction in MEASURES:
        if instruction != "answer":
            cells += [(f"{instruction}, {w}", {"instruction": instruction, "wording": w}) for w in ("known", "both")]
    bar = tqdm(cells, desc="held-out worlds", disable=not progress)
    return {name: score(generator, n=n, **settings) for name, settings in bar}


def verdicts_by_answering(generator: models.Generator, n: int = 200, wording: str = "known") -> Figures:
    """The questions of `judge` and `prefer` decided by comparing with the generator's own answer, see `feedback`.

    Returns:
        The figures of both instructions, by "judge by answering, known" and so on.
    """
    figures: Figures = {}
    for instruction, mark in (("judge", "\nAnswer: "), ("prefer", "\nA: ")):
        made = list(examples.evaluation_groups(n, 3, wording, instruction=instruction))
        room = generator.max_length - generator.max_new_tokens
        made = [g for g in made if generator.count_tokens(g.examples()[0].messages) <= room]
        asked, given = zip(*(g.turns[0][0].rsplit(mark, 1) for g in made), strict=True)
        rows = list(zip(asked, (g.passages for g in made), given, strict=True))
        if instruction == "judge":
            replies = ["yes" if right else "no" for right in judge.judge_by_answering(generator, rows)]
        else:
            pairs = [(q, p, a, b) for q, p, both in rows for a, _, b in [both.partition("\nB: ")]]
            replies = [verdict or "" for verdict in judge.prefer_by_answering(generator, pairs)]
        figures[f"{instruction} by answering, {wording}"] = measure(instruction, replies, [g.turns[0][1] for g in made])
    return figures


def rules_of(passages: Sequence[prompts.Passage]) -> list[extraction.Rule]:
    """The rules of a playbook's passages: the name stands in a line above the rule, or it is the passage's title."""
    rules = []
    for passage in passages:
        for block in passage.text.split("\n\n"):
            name, below, text = block.partition("\n")
            rules.append((name.lstrip("# "), text) if below else (passage.title, block))
    return rules


def parts_by_asking(generator: models.Generator, n: int = 200, wording: str = "known") -> Figures:
    """`term_sheet`, `triples` and `classify` with one plain question for each part, see `extraction.read_fields`.

    Returns:
        The figures of the three instructions, by "triples by asking, known" and so on.
    """
    replies: dict[str, list[str]] = {}
    made = {name: list(examples.evaluation_groups(n, 3, wording, instruction=name))
            for name in ("term_sheet", "triples", "classify")}  # fmt: skip
    sheets = [(g.passages, list(extraction.parse_fields(g.turns[0][1]))) for g in made["term_sheet"]]
    replies["term_sheet"] = [extraction.term_sheet(values) for values in extraction.read_fields(generator, sheets)]
    # What the facts are about is known beforehand, as the name of a register extract's company is.
    facts = [
        (
            g.passages[0],
            g.turns[0][0].split("; "),
            next((t[0] for t in parse_triples(g.turns[0][1])), "document"),
        )
        for g in made["triples"]
    ]
    replies["triples"] = [
        "\n".join(" | ".join(t) for t in row) or "none" for row in extraction.read_triples(generator, facts)
    ]
    clauses = [(g.turns[0][0], rules_of(g.passages)) for g in made["classify"]]
    replies["classify"] = [f"{name}, {rating}" for name, rating in extraction.classify_by_asking(generator, clauses)]
    return {
        f"{name} by asking, {wording}": measure(name, replies[name], [g.turns[0][1] for g in groups_made])
        for name, groups_made in made.items()
    }


def precisions(n: int = 200, names: Sequence[str] = tuple(PRECISIONS)) -> dict[str, dict[str, Any]]:
    """The reader in several precisions side by side, on one machine and the same questions, all of it live.

    Returns:
        For each: held-out worlds with three passages, every second one of the course's dev lookups, MB in memory and
        tokens per second (prompt and reply together), as Interval or number.
    """
    from synthesis.reader import course_dev

    asked = list(examples.evaluation(n, 3, "known"))
    wanted = [e.answer for e in asked]
    rows: dict[str, dict[str, Any]] = {}
    for name in names:
        dtype, quantization = PRECISIONS[name]
        generator = models.load_generator(profiles.READER, dtype=dtype, quantization=quantization)
        generator.fingerprint = None  # a reply from the disk would say nothing of speed
        reply_to(generator, asked[: generator.batch_size])
        start = time.perf_counter()
        replies = reply_to(generator, asked)
        seconds = time.perf_counter() - start
        tokens = sum(generator.count_tokens(e.messages) for e in asked)
        tokens += sum(len(generator.tokenizer(r)["input_ids"]) for r in replies)
        figures = measure("answer", replies, wanted)
        rows[name] = {
            **{k: figures[k] for k in ("exact_match", "wrongly_refused", "wrong_answers")},
            "course_dev_lookup": course_dev.lookups(generator, every=2)["exact_match"],
            "memory_mb": round(generator.memory_mb(), 1),
            "tokens_per_second": round(tokens / seconds),
        }
    return rows


def evaluate(
    model: str | Path = profiles.READER, n: int = 200, progress: bool = False, everything: bool = True
) -> dict[str, dict[str, Any]]:
    """How good a model is: "held-out worlds" and "course dev", figures by instruction.

    Args:
        model: the reader, the base, or a folder with weights and tokenizer.
        n: questions a cell.
        progress: show a bar.
        everything: also what the model card leaves out: verdicts by answering, parts by one question at a time, and
            more of the dev questions than reading.
    """
    from synthesis.reader import course_dev

    generator = models.load_generator(model)
    # Eight passages and an amendment need more of the window than the course's profile uses.
    generator.max_length = int(generator.model.config.max_position_embeddings)
    worlds = held_out_worlds(generator, n, progress=progress)
    for wording in ("known", "both") if everything else ():
        worlds |= verdicts_by_answering(generator, n, wording)
        worlds |= parts_by_asking(generator, n, wording)
    dev = course_dev.evaluate if everything else course_dev.reading
    return {"held-out worlds": worlds, "course dev": dev(generator)}


def table(report: Mapping[str, Mapping[str, Any]]) -> str:
    """The report as text, a row each."""
    rows = []
    for part, cells in report.items():
        rows.append(f"\n{part}")
        for name, values in cells.items():
            shown = "  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items())
            rows.append(f"  {name:<34} {shown}")
    return "\n".join(rows).lstrip("\n")


CARD_MARKS = ("<!-- figures: written by synthesis reader card -->", "<!-- end of figures -->")


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return "-" if value["value"] is None else f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"
    return str(value)


def _rows(cells: Mapping[str, Mapping[str, Any]], names: Sequence[str], head: str) -> list[str]:
    """A markdown table: a row a cell, a column a figure."""
    rows = [
        f"| {head} | " + " | ".join(name.replace("_", " ") for name in names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    return rows + [f"| {key} | " + " | ".join(_cell(row[n]) for n in names) + " |" for key, row in cells.items()]


def card_figures(report: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures of a report (as `write_card` keeps it) as the tables of the model card."""
    parts = {
        "On worlds never seen, with known wordings or with both clause and question worded as never before:":
            "held-out worlds",
        "On the course's dev questions, given what a perfect search would find:": "course dev",
    }  # fmt: skip
    names = [name for name in report if name != "precisions"]
    lines: list[str] = []
    for title, part in parts.items():
        lines += [title, "", f"| | figure | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
        for key, row in report[names[0]][part].items():
            for figure in row:
                cells = " | ".join(_cell(report[name][part][key][figure]) for name in names)
                lines.append(f"| {key} | {figure.replace('_', ' ')} | {cells} |")
        lines.append("")
    lines += ["The reader in several precisions, side by side on the machine that wrote this card:", ""]
    figures = ["exact_match", "wrongly_refused", "wrong_answers", "course_dev_lookup", "memory_mb", "tokens_per_second"]
    return "\n".join(lines + _rows(report["precisions"], figures, "precision"))


def write_card(folder: Path, n: int = 20) -> None:
    """Measure the reader and the base side by side; write evaluation.json and the figures of the reader's README.md.

    Raises:
        ValueError: README.md lacks the two marks between which the figures go.
    """
    readme = folder / "README.md"
    card = readme.read_text(encoding="utf-8") if readme.exists() else ""
    before, mark, rest = card.partition(CARD_MARKS[0])
    _, closing, after = rest.partition(CARD_MARKS[1])
    if not mark or not closing:
        raise ValueError(f"{readme} lacks the lines {CARD_MARKS[0]!r} and {CARD_MARKS[1]!r}: put them in.")
    measured: dict[str, Any] = {
        name: evaluate(name, n, progress=True, everything=False) for name in (profiles.READER, profiles.BASE)
    }
    report = stats.plain(measured | {"precisions": precisions(n)}, 4)
    paths.write_atomic(folder / "evaluation.json", json.dumps(report, indent=1) + "\n")
    paths.write_atomic(readme, f"{before}{mark}\n\n{card_figures(report)}\n\n{closing}{after}")
