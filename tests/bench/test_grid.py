"""The grid: every answer a row, the same file however it was made, nothing mixed."""

from __future__ import annotations

import json
import lzma
import os
import secrets
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from small import TERM_DOCUMENTS, TERMS, term_question
from tiny_model import tiny_folder

from labkit import bench, corpus, models, tune
from labkit.bench import grid as module
from labkit.bench.arms import Answerer, Arm
from labkit.bench.grid import ANSWERS, MANIFEST, PACKED, UNFINISHED

CONTRACTS = [{"id": name, "amends": None, "clauses": [{"category": "term", "start": 0, "end": 20}]} for name in TERMS]
ASKED = [
    replace(term_question(name, f"{ask} {name}?"), id=f"{name}-{i}", half=("new", "seen")[i])
    for name in TERMS for i, ask in enumerate(("How long is the term of", "What is the term of"))
]  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """A model with random weights, and adapters of two seeds for it, in one folder."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_folder(folder / "model")
    for seed, name in enumerate(("sft", "sft-s1")):
        adapter(folder / "model", folder / name, seed)
    return folder


def adapter(model: Path, out: Path, seed: int) -> None:
    import torch
    from peft import get_peft_model

    torch.manual_seed(seed)
    network = get_peft_model(models.load_generator(str(model)).model, models.loading.lora(2))
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.1)
    out.mkdir(parents=True)
    tune.training.write_adapter(network, out, str(model))


def arms(tiny: Path) -> list[Arm]:
    model = str(tiny / "model")
    return [
        Arm("memory", "closed-book", model=model, share=0.5),
        Arm("naive", "naive", model=model),
        Arm("tuned", "oracle", ("sft",), model, seeds=(0, 1)),
        Arm("random context", "random context", model=model, tasks=("lookup",)),
    ]


@pytest.fixture(scope="module")
def grid(tiny) -> bench.Grid:
    return bench.Grid(ASKED, TERM_DOCUMENTS, CONTRACTS, arms(tiny), adapters=tiny, part=3)


@pytest.fixture(scope="module")
def undisturbed(grid, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    bench.run_grid(grid, folder, progress=False)
    return folder


def test_every_answer_is_a_row(grid, undisturbed):
    rows = [json.loads(line) for line in (undisturbed / ANSWERS).read_text("utf-8").splitlines()]
    keys = [(r["arm"], r["seed"], r["question"]) for r in rows]
    wanted = {"memory": 4, "naive": 8, "tuned": 16, "random context": 8}
    assert keys == sorted(keys) and {arm: sum(k[0] == arm for k in keys) for arm in wanted} == wanted
    assert set(rows[0]) == {"arm", "seed", "question", "reply", "places", "prompt_tokens", "reply_tokens"}
    assert all(r["places"] == [] for r in rows if r["arm"] == "memory")
    gold = {q.id: q.documents[0] for q in ASKED}
    assert all(gold[r["question"]] in {p[0] for p in r["places"]} for r in rows if r["arm"] == "tuned")
    assert all(r["prompt_tokens"] > 0 and r["reply_tokens"] > 0 for r in rows)
    assert sorted(p.name for p in undisturbed.iterdir()) == [ANSWERS, MANIFEST]
    # Adapters of two seeds are two models, which do not say the same.
    replies = [{r["question"]: r["reply"] for r in rows if (r["arm"], r["seed"]) == ("tuned", s)} for s in (0, 1)]
    assert replies[0] != replies[1]


def stops_after(parts: int, engine=module._local):
    def run(*given):
        for number, rows in enumerate(engine(*given)):
            if number == parts:
                raise KeyboardInterrupt
            yield rows

    return run


def test_answers_that_come_with_the_course_need_no_adapters(grid, undisturbed, tmp_path, monkeypatch):
    """Packed as they come, stopped half-way, and written anew with the adapters gone."""
    came = tmp_path / "came"
    came.mkdir()
    (came / PACKED).write_bytes(lzma.compress((undisturbed / ANSWERS).read_bytes()))
    (came / MANIFEST).write_bytes((undisturbed / MANIFEST).read_bytes())
    monkeypatch.setattr(module, "shipped_grid", lambda: came)
    monkeypatch.setattr(Answerer, "ask", lambda *_: pytest.fail("a model was asked"))
    bare = replace(grid, adapters=tmp_path / "none")
    engine = module.ENGINES["shipped"]
    monkeypatch.setitem(module.ENGINES, "shipped", stops_after(3, engine))
    with pytest.raises(KeyboardInterrupt):
        bench.run_grid(bare, tmp_path / "made", "shipped", progress=False)
    monkeypatch.setitem(module.ENGINES, "shipped", engine)
    bench.run_grid(bare, tmp_path / "made", "shipped", progress=False)
    for name in (ANSWERS, MANIFEST):
        assert (tmp_path / "made" / name).read_bytes() == (undisturbed / name).read_bytes()


def test_without_shipped_answers_it_is_said_how_to_make_them(monkeypatch, tmp_path):
    monkeypatch.setattr(module.paths, "shipped_results", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match="make bench"):
        bench.shipped_grid()


def test_a_run_that_was_stopped_ends_with_the_same_file(grid, undisturbed, tmp_path, monkeypatch):
    asked: list[str] = []
    ask = Answerer.ask
    monkeypatch.setattr(Answerer, "ask", lambda self, *part: asked.append(part[0].name) or ask(self, *part))
    monkeypatch.setitem(module.ENGINES, "local", stops_after(4))
    with pytest.raises(KeyboardInterrupt):
        bench.run_grid(grid, tmp_path, progress=False)
    half = (tmp_path / UNFINISHED).read_bytes()
    lines = half.splitlines(True)
    assert not (tmp_path / ANSWERS).exists() and len(lines) == 3 * 3 + 1
    # The last line was being written when the process was killed.
    (tmp_path / UNFINISHED).write_bytes(half[: -len(lines[-1]) // 2])
    monkeypatch.setitem(module.ENGINES, "local", module._local)
    before = len(asked)
    bench.run_grid(grid, tmp_path, progress=False)
    assert (tmp_path / ANSWERS).read_bytes() == (undisturbed / ANSWERS).read_bytes()
    assert (tmp_path / MANIFEST).read_bytes() == (undisturbed / MANIFEST).read_bytes()
    # Three parts were whole.
    assert len(asked) - before == len(grid.parts()) - 3
    bench.run_grid(grid, tmp_path, progress=False)
    assert len(asked) == before + len(grid.parts()) - 3 and not (tmp_path / UNFINISHED).exists()


def guard(folder: Path) -> Path:
    """The tests' own guard of the network, which also lets Ray's processes talk by this machine's own addresses."""
    folder.mkdir()
    offline = Path(__file__).parents[1] / "offline" / "sitecustomize.py"
    own = """
import psutil

_own = {a.address.split("%")[0] for addresses in psutil.net_if_addrs().values() for a in addresses}
_elsewhere = _local
_local = lambda host: _elsewhere(host) or str(host) in _own
"""
    (folder / "sitecustomize.py").write_text(offline.read_text("utf-8") + own, encoding="utf-8")
    return folder


def test_ray_gives_the_same_rows_though_a_worker_is_killed(grid, undisturbed, tmp_path, monkeypatch):
    mark = tmp_path / "killed"
    monkeypatch.setenv("PYTHONPATH", str(guard(tmp_path / "guard")))
    monkeypatch.setenv("RAY_agent_register_timeout_ms", "120000")  # so that what `_ray` sets does not outlive the test
    # Ray would keep one in the home folder.
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))

    class Mortal(Answerer):
        """Dies at its second part, once."""

        def ask(self, *part):
            self.parts = getattr(self, "parts", 0) + 1
            if self.parts == 2 and not mark.exists():
                mark.write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            return super().ask(*part)

    monkeypatch.setattr(module, "Answerer", Mortal)
    bench.run_grid(grid, tmp_path / "results", "ray", progress=False)
    assert int(mark.read_text()) != os.getpid()
    for name in (ANSWERS, MANIFEST):
        assert (tmp_path / "results" / name).read_bytes() == (undisturbed / name).read_bytes()


def test_further_arms_may_be_added(grid, undisturbed, tmp_path):
    bench.run_grid(replace(grid, arms=grid.arms[1:]), tmp_path, progress=False)
    bench.run_grid(replace(grid, arms=grid.arms[:1]), tmp_path, progress=False)
    assert (tmp_path / ANSWERS).read_bytes() == (undisturbed / ANSWERS).read_bytes()
    assert set(json.loads((tmp_path / MANIFEST).read_text())["arms"]) == {a.name for a in grid.arms}


def test_results_of_other_data_or_models_are_not_mixed(grid, undisturbed, tmp_path, tiny, monkeypatch):
    folder = tmp_path / "results"
    folder.mkdir()
    for name in (ANSWERS, MANIFEST):
        (folder / name).write_bytes((undisturbed / name).read_bytes())
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    other = replace(TERM_DOCUMENTS[0], text=f"{TERM_DOCUMENTS[0].text} But see the annex.")
    reworded = replace(ASKED[0], question="How long?")
    adapters = tmp_path / "adapters"
    for seed, name in enumerate(("sft", "sft-s1")):
        adapter(tiny / "model", adapters / name, seed + 5)
    for changed, said in (
        (dict(documents=[other, *TERM_DOCUMENTS[1:]]), "of other documents, which must not be mixed"),
        (dict(questions=[reworded, *ASKED[1:]]), "of other questions,"),
        (dict(questions=ASKED[1:]), "of other questions, asked,"),
        (dict(prompt_tokens=900), "of other decoding,"),
        (dict(adapters=adapters), r"of other models \(tuned\),"),
        (dict(arms=[replace(grid.arms[0], system="naive")]), r"of other models \(memory\),"),
    ):
        with pytest.raises(ValueError, match=said):
            bench.run_grid(replace(grid, **changed), folder, progress=False)
    monkeypatch.setattr(module, "version", lambda name: "0")
    with pytest.raises(ValueError, match="of other versions,"):
        bench.run_grid(grid, folder, progress=False)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_damaged_folders_are_refused(grid, undisturbed, tmp_path):
    (tmp_path / ANSWERS).write_bytes((undisturbed / ANSWERS).read_bytes())
    with pytest.raises(FileNotFoundError, match="no folder of the benchmark's results"):
        bench.run_grid(grid, tmp_path, progress=False)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(ValueError, match="is damaged: restore it"):
        bench.run_grid(grid, tmp_path, progress=False)
    (tmp_path / MANIFEST).write_bytes((undisturbed / MANIFEST).read_bytes())
    (tmp_path / ANSWERS).write_text('{"arm": "naive"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"Line 1 of .* is no answer: remove it"):
        bench.run_grid(grid, tmp_path, progress=False)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (dict(questions=[]), "nothing to ask"),
        (dict(questions=[ASKED[0], ASKED[0]]), "Two questions are called 'alder-0'"),
        (dict(questions=[replace(ASKED[0], evidence=())]), "'tuned' needs the evidence of 'alder-0'"),
        (dict(documents=TERM_DOCUMENTS[1:]), "'tuned' needs the evidence of 'alder-0'"),
        (dict(arms=[Arm("x", "guessing")]), "unknown system"),
        (dict(arms=[Arm("x", "closed-book"), Arm("x", "naive")]), "Two arms are called 'x'"),
        (dict(arms=[Arm("x", "closed-book", model="someone/model")]), "'someone/model' could not be loaded"),
        (dict(prompt_tokens=3), "does not fit into 3 tokens"),
    ],
)
def test_what_cannot_be_asked_is_said(grid, tmp_path, changed, said):
    with pytest.raises(ValueError, match=said):
        bench.run_grid(replace(grid, **changed), tmp_path / "results", progress=False)


def test_missing_adapters_and_engines_are_named(grid, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no adapter in"):
        bench.run_grid(replace(grid, adapters=tmp_path), tmp_path / "results", progress=False)
    with pytest.raises(ValueError, match="no engine 'cluster': choose one of local, ray"):
        bench.run_grid(grid, tmp_path, engine="cluster")


def test_a_full_disk_is_one_sentence(grid, tmp_path, monkeypatch):
    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(ValueError, match=r"takes no more .*No space left"):
        bench.run_grid(grid, tmp_path, progress=False)


def test_times_are_measured_live_and_stand_apart(grid, undisturbed, tmp_path):
    (tmp_path / ANSWERS).write_bytes((undisturbed / ANSWERS).read_bytes())
    times = bench.measure_times(grid, tmp_path)
    counts = {arm: t["questions"] for arm, t in times.items()}
    assert counts == dict.fromkeys(counts, 8) | {"memory": 4}
    assert all(0 < t["milliseconds"] < 60_000 for t in times.values()) and module.read_times(tmp_path) == times
    assert (tmp_path / ANSWERS).read_bytes() == (undisturbed / ANSWERS).read_bytes()


@pytest.fixture(scope="module")
def course(tiny) -> bench.Grid:
    """Two contracts, the playbook, and a question of each task about them."""
    documents = [d for d in corpus.load_documents() if d.id.split("-")[0] in ("C041", "C043", "playbook")]
    known = {d.id for d in documents}
    asked = [
        q for q in corpus.load_questions("dev") if q.followup is None and known >= {e.document for e in q.evidence}
    ]
    asked = [q for q in asked if q.cluster in ("C041", "C043")]
    first = {q.task: q for q in asked[::-1]}
    made = [Arm(name, name, model=str(tiny / "model")) for name in ("best", "full window", "examples", "oracle")]
    made.append(Arm("tools", "tools", model=str(tiny / "model"), tasks=("lookup", "unanswerable")))
    return bench.Grid(
        list(first.values()), documents, corpus.contract_records(), made, corpus.load_questions("train")[:40]
    )


def test_each_system_finds_its_passages(course, tmp_path):
    assert {q.task for q in course.questions} >= {"lookup", "classify", "summarise", "draft", "unanswerable"}
    bench.run_grid(course, tmp_path, progress=False)
    rows = {(r["arm"], r["question"]): r for r in module.read_rows(tmp_path).values()}
    by_task = {q.task: q.id for q in course.questions}

    def read(arm, task):
        return [place[0] for place in rows[arm, by_task[task]]["places"]]

    assert len(read("best", "lookup")) == 3 and set(read("best", "lookup")) <= {d.id for d in course.documents}
    clause, *rules = read("best", "classify")
    assert clause != "playbook" and set(rules) == {"playbook"}
    # A term sheet is about one contract and its amendments, as far as the budget goes.
    assert {name.split("-")[0] for name in read("best", "summarise")} in ({"C041"}, {"C043"})
    [sheet] = Answerer(course)._find(course.arms[0], [q for q in course.questions if q.task == "summarise"])
    assert len(sheet) > len(read("best", "summarise")) and sheet[-1].node.metadata["document"] == "playbook"
    assert len(read("full window", "lookup")) > 3
    assert all(name.startswith("train-") for name in read("examples", "lookup"))
    gold = next(q for q in course.questions if q.task == "summarise")
    assert read("oracle", "summarise") == [e.document for e in gold.evidence]
    assert all(r["reply_tokens"] == 0 for (arm, _), r in rows.items() if arm == "tools")
    assert all(r["prompt_tokens"] <= course.prompt_tokens for r in rows.values())


def test_every_task_is_asked_under_its_instruction(course):
    from labkit import prompts
    from labkit.bench.arms import task_messages

    passages = [prompts.Passage("Title", "Text.")]
    named = {
        "classify": prompts.INSTRUCTIONS["classify"],
        "summarise": prompts.INSTRUCTIONS["term_sheet"],
        "draft": prompts.INSTRUCTIONS["draft"],
    }
    for question in course.questions:
        for read, closed in ((passages, False), ([], False), ([], True)):
            system, user = task_messages(question, read, "1. Law: the country.", closed)
            wanted = named.get(
                question.task, prompts.INSTRUCTIONS["closed_book"] if closed else prompts.INSTRUCTIONS["answer"]
            )
            assert system["content"] == wanted and question.question in user["content"]
            assert ("Text." in user["content"]) == bool(read)


def test_a_finished_run_is_made_again_from_its_manifest(course, tiny, tmp_path):
    asked = [q for q in course.questions if q.task in ("lookup", "unanswerable")]
    memory = [Arm("memory", "closed-book", ("sft",), str(tiny / "model"), seeds=(1,))]
    bench.run_grid(bench.course_grid(asked, memory, adapters=tiny, part=7), tmp_path / "old", progress=False)
    again = bench.repeated(tmp_path / "old", adapters=tiny)
    assert again.part == 7 and list(again.arms) == memory and list(again.questions) == asked
    bench.run_grid(again, tmp_path / "new", progress=False)
    for name in (ANSWERS, MANIFEST):
        assert (tmp_path / "new" / name).read_bytes() == (tmp_path / "old" / name).read_bytes()
    changed = json.loads((tmp_path / "old" / MANIFEST).read_text())
    (tmp_path / "old" / MANIFEST).write_text(json.dumps(changed | {"questions": "0"}))
    with pytest.raises(ValueError, match="answers to other questions than these"):
        bench.repeated(tmp_path / "old")


def test_sixty_answers_across_arms_are_written_live(real_base, tmp_path, monkeypatch):
    """The course's own models, from memory and from the gold passages."""
    monkeypatch.setenv("LABKIT_LIVE", "1")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "models").symlink_to(real_base.parent)
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    lookups = [q for q in corpus.load_questions("dev", "lookup") if q.followup is None][:15]
    named = [arm for arm in bench.ARMS if arm.name in ("closed-book", "SFT", "oracle", "oracle + SFT")]
    chosen = [replace(arm, seeds=(0,), share=1.0) for arm in named]
    bench.run_grid(bench.course_grid(lookups, chosen), tmp_path / "results", progress=False)
    runs = bench.load_runs(tmp_path / "results")
    assert sum(len(run.questions) for seeds in runs.values() for run in seeds) == 60
    right = {name: bench.mean(run, "answer_accuracy").value for name, [run] in runs.items()}
    assert right["closed-book"] <= 0.1 and min(right["oracle"], right["oracle + SFT"]) >= 0.3
