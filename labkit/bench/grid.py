"""The benchmark's grid: arms x tasks x seeds on one set of questions, every answer a row on disk.

All arms get the same questions, instructions, greedy decoding and budget of prompt tokens. A run that was stopped goes
on where it was and ends with the same file; a manifest says what it was made from, so that another run can repeat it.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any

from labkit import corpus, models, paths, profiles, prompts, stats
from labkit.bench.arms import ARMS, REFERENCES, SYSTEMS, TASKS, Answerer, Arm, Row, new_tokens
from labkit.models import shipped_replies
from labkit.models.base import base_fingerprint, reader_fingerprint
from labkit.models.store import weights_of

ANSWERS, UNFINISHED, MANIFEST, TIMINGS = "answers.jsonl", "answers.unfinished.jsonl", "manifest.json", "timings.json"
PACKED = f"{ANSWERS}.xz"
_PACKAGES = ("labkit", "torch", "transformers", "peft", "llama-index-core")
Part = tuple[Arm, int, list[corpus.Question]]
Key = tuple[str, int, str]


@dataclass(frozen=True)
class Grid:
    """What is to be asked, and of what.

    Attributes:
        questions: for every arm; an arm's `share` takes the first of each half and task.
        documents: the archive, with the playbook where a task needs it.
        contracts: `corpus.contract_records()`, for the references.
        arms: the contenders.
        examples: training questions, for "RAG over examples".
        adapters: folder of the adapters' folders; that of the course by default.
        prompt_tokens: most tokens of any prompt; passages at the end that do not fit are left out.
        part: questions answered together, written to disk together, and sent to a worker together.
    """

    questions: Sequence[corpus.Question]
    documents: Sequence[corpus.Document]
    contracts: Sequence[Mapping[str, Any]] = ()
    arms: Sequence[Arm] = ARMS
    examples: Sequence[corpus.Question] = ()
    adapters: Path = field(default_factory=lambda: paths.data() / "models")
    prompt_tokens: int = 1800
    part: int = 32

    def asked(self, arm: Arm) -> list[corpus.Question]:
        """The questions of an arm."""
        groups = stats.grouped(((q.half, q.task), q) for q in self.questions if q.task in arm.tasks).values()
        return [q for group in groups for q in group[: ceil(arm.share * len(group))]]

    def parts(self) -> list[Part]:
        """Arm, seed, and questions whose replies may be equally long; those of a model stand together.

        They are cut without a look at what is answered already, so that no reply depends on where a run stopped.
        """
        cells = [(arm, seed) for arm in self.arms for seed in arm.seeds]
        made = []
        for arm, seed in sorted(cells, key=lambda cell: (cell[0].model, self.folders(*cell))):
            for _, group in sorted(stats.grouped((new_tokens(q), q) for q in self.asked(arm)).items()):
                made += [(arm, seed, group[i : i + self.part]) for i in range(0, len(group), self.part)]
        return made

    def folders(self, arm: Arm, seed: int) -> tuple[Path, ...]:
        """The adapters of an arm, in the order in which they are loaded."""
        return tuple(self.adapters / (f"{name}-s{seed}" if seed else name) for name in arm.adapters)

    def weights(self, arm: Arm, seed: int) -> list[str]:
        """Says which weights a model has, and each adapter upon it; of a model behind an address only where it is.

        Raises:
            FileNotFoundError: there is no such adapter.
            ValueError: there is no such model.
        """
        known, path = {profiles.READER: reader_fingerprint, profiles.BASE: base_fingerprint}, Path(arm.model)
        if arm.model in known:
            base = known[arm.model]()
        elif models.is_address(arm.model):
            base = arm.model
        elif path.exists():
            files = [f for f in ([path] if path.is_file() else sorted(path.glob("*"))) if f.is_file()]
            base = digest([models.digest(f) for f in files])
        else:
            base = models.hub_commit(arm.model)
        return [base, *(models.digest(weights_of(folder)) for folder in self.folders(arm, seed))]

    def manifest(self) -> dict[str, Any]:
        """What the answers depend on, as JSON holds it; errors as in `weights`."""
        dtype = profiles.get().dtype
        dtype = ("bf16" if models.native_bf16() else "fp32") if dtype == "auto" else dtype
        searched = [paths.sha256(paths.adapter(name) / paths.SUMS) for name in ("embedder", "intents")]
        made = {
            "questions": digest(self.questions),
            "examples": digest(self.examples),
            "documents": digest(self.documents),
            "prompts": digest([prompts.INSTRUCTIONS, prompts.NEW_TOKENS]),
            "indexes": digest([paths.checksums(paths.shipped_results())["triples.jsonl"], *searched]),
            "decoding": {"greedy": True, "prompt_tokens": self.prompt_tokens, "part": self.part},
            "machine": f"{dtype} on {models.device()}",
            "versions": {name: version(name) for name in _PACKAGES},
            "asked": [q.id for q in self.questions],
            "arms": {a.name: asdict(a) | {"weights": [self.weights(a, s) for s in a.seeds]} for a in self.arms},
        }
        return dict(json.loads(json.dumps(made)))

    def check(self) -> None:
        """Raise a ValueError where the grid cannot be asked."""
        if not self.questions or not self.arms or self.part < 1:
            raise ValueError("There is nothing to ask: give at least one question, one arm, and parts of at least one.")
        for what, names in (("questions", [q.id for q in self.questions]), ("arms", [a.name for a in self.arms])):
            if len(set(names)) < len(names):
                raise ValueError(f"Two {what} are called {max(names, key=names.count)!r}: rename one.")
        known = {d.id for d in self.documents}
        for arm in self.arms:
            if arm.system not in SYSTEMS or set(arm.tasks) - set(TASKS):
                raise ValueError(f"The arm {arm.name!r} has an unknown system or task: see `Arm`.")
            bare = [q.id for q in self.asked(arm) if q.answer and not known >= {e.document for e in q.evidence} > set()]
            if arm.system in REFERENCES and bare:
                raise ValueError(f"{arm.name!r} needs the evidence of {bare[0]!r}: add it, or leave that arm out.")


def digest(value: Any) -> str:
    """Short hash of what `repr` shows of a value."""
    return hashlib.blake2b(repr(value).encode(), digest_size=8).hexdigest()


def _local(grid: Grid, parts: Sequence[Part], workers: int) -> Iterator[list[Row]]:
    answerer = Answerer(grid)
    for part in parts:
        yield answerer.ask(*part)


def _ray(grid: Grid, parts: Sequence[Part], workers: int) -> Iterator[list[Row]]:
    """On the Ray cluster that `RAY_ADDRESS` names, else on this machine; a worker that dies is started again."""
    try:
        import ray
        from ray.util import ActorPool
    except ImportError as cause:
        raise ValueError("Ray is not installed: pip install 'labkit[scale]', or leave --engine out.") from cause
    # Beside other work Ray's own agent needs longer to come up than Ray gives it by default.
    os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")
    here: dict[str, Any] = dict(num_cpus=workers, include_dashboard=False)
    ray.init(log_to_driver=False, **({} if "RAY_ADDRESS" in os.environ else here))
    try:
        gpus = min(1.0, ray.cluster_resources().get("GPU", 0.0) / workers)
        settings: dict[str, Any] = dict(num_cpus=1, num_gpus=gpus, max_restarts=3, max_task_retries=3)
        remote: Any = ray.remote(**settings)(Answerer)
        pool: Any = ActorPool([remote.remote(grid) for _ in range(workers)])
        yield from pool.map_unordered(lambda actor, part: actor.ask.remote(*part), parts)
    except ray.exceptions.RayActorError as cause:
        raise RuntimeError(
            "A worker died again and again, perhaps for want of memory: start again with fewer workers, and the run "
            f"goes on where it was. ({str(cause).splitlines()[0]})"
        ) from cause
    finally:
        ray.shutdown()


def _shipped(grid: Grid, parts: Sequence[Part], workers: int) -> Iterator[list[Row]]:
    rows = read_rows(shipped_grid())
    for arm, seed, questions in parts:
        yield [rows[arm.name, seed, question.id] for question in questions]


ENGINES = {"local": _local, "ray": _ray, "shipped": _shipped}


def run_grid(grid: Grid, folder: Path, engine: str = "local", workers: int = 2, progress: bool = True) -> Path:
    """Ask what is not answered yet, and keep every answer.

    Args:
        grid: what to ask.
        folder: of the results, made when missing; further arms may be added to those that it holds.
        engine: "local", "ray" for several workers, or "shipped" for the answers that come with the course: those of
            `repeated(shipped_grid())`, whose adapters need not be there.
        workers: of Ray.
        progress: show a bar.

    Returns:
        The file of answers, one a line: arm, seed, question, reply, tokens of the prompt and of the reply, and the
        places of the passages read (document, start, end).

    Raises:
        ValueError: the folder holds results of other data or models, the grid cannot be asked, or the disk is full.
        RuntimeError: a worker of Ray died again and again.
    """
    from tqdm.auto import tqdm

    if engine not in ENGINES:
        raise ValueError(f"There is no engine {engine!r}: choose one of {', '.join(ENGINES)}.")
    grid.check()
    _begin(folder, read_manifest(shipped_grid()) if engine == "shipped" else grid.manifest())
    rows, unfinished = read_rows(folder), folder / UNFINISHED
    parts = [p for p in grid.parts() if any((p[0].name, p[1], q.id) not in rows for q in p[2])]
    if parts:
        # Anew, so that nothing follows upon a line that was cut off.
        paths.write_atomic(unfinished, _lines(rows.values()))
        with tqdm(total=sum(len(p[2]) for p in parts), unit="question", disable=not progress) as bar:
            for answers in ENGINES[engine](grid, parts, workers):
                _append(unfinished, answers)
                rows |= {_key(row): row for row in answers}
                bar.update(len(answers))
    if parts or unfinished.exists():
        paths.write_atomic(folder / ANSWERS, _lines(rows[key] for key in sorted(rows)))
        unfinished.unlink(missing_ok=True)
    return folder / ANSWERS


def shipped_grid() -> Path:
    """Folder of the answers to the final questions that come with the course.

    Raises:
        FileNotFoundError: they do not come with it yet.
    """
    folder = paths.shipped_results() / "grid"
    if not (folder / MANIFEST).exists():
        raise FileNotFoundError("The benchmark's answers do not come with this version: make them with `make bench`.")
    return folder


def _lines(rows: Any) -> str:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _append(file: Path, rows: Sequence[Row]) -> None:
    try:
        with file.open("a", encoding="utf-8") as stream:
            stream.write(_lines(rows))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as cause:
        raise ValueError(f"{str(file)!r} takes no more ({cause}): free some space, and start again.") from cause


def _key(row: Row) -> Key:
    return row["arm"], row["seed"], row["question"]


def read_rows(folder: Path) -> dict[Key, Row]:
    """The answers in a folder, by arm, seed and question; a last line that was cut off is left out.

    Raises:
        ValueError: another line is damaged.
    """
    rows: dict[Key, Row] = {}
    for file in (folder / PACKED, folder / ANSWERS, folder / UNFINISHED):
        text = (lzma.decompress if file.suffix == ".xz" else bytes)(file.read_bytes()) if file.exists() else b""
        lines = text.decode("utf-8", "replace").split("\n")[:-1]
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                rows[_key(row)] = row
            except (ValueError, KeyError, TypeError) as cause:
                raise ValueError(f"Line {number} of {file} is no answer: remove it, and it is asked again.") from cause
    return rows


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a folder's answers were made from.

    Raises:
        FileNotFoundError: it holds none. ValueError: it is damaged.
    """
    if not (folder / MANIFEST).exists():
        raise FileNotFoundError(f"{folder} holds no {MANIFEST}: it is no folder of the benchmark's results.")
    try:
        return dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except ValueError as cause:
        raise ValueError(f"{folder / MANIFEST} is damaged: restore it, or begin in an empty folder.") from cause


def _begin(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest, or add arms to the one that is there.

    Raises:
        ValueError: the answers that are there were made from something else.
    """
    if any((folder / name).exists() for name in (MANIFEST, ANSWERS, UNFINISHED)):
        old = read_manifest(folder)
        other = [key for key in manifest if key != "arms" and old.get(key) != manifest[key]]
        other += [f"models ({name})" for name, arm in old["arms"].items() if manifest["arms"].get(name, arm) != arm]
        if other:
            raise ValueError(
                f"{folder} holds results of other {', '.join(other)}, which must not be mixed: choose an empty folder, "
                f"or bring back what its {MANIFEST} names."
            )
        manifest = manifest | {"arms": old["arms"] | manifest["arms"]}
    paths.write_atomic(folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def measure_times(grid: Grid, folder: Path, live: int = 8) -> dict[str, dict[str, Any]]:
    """Milliseconds that each arm takes for a question, measured live, models and indexes loaded; kept in the folder.

    They stand apart from the answers, which are the same whenever they are made. All tasks have the same weight.

    Args:
        grid: with the arms.
        folder: of the results.
        live: questions at least, or all that an arm has.
    """
    answerer, times = Answerer(grid), read_times(folder)
    for arm in grid.arms:
        tasks = stats.grouped((q.task, q) for q in grid.asked(arm)).values()
        asked = [q for group in tasks for q in group[: ceil(live / len(tasks))]]
        with shipped_replies.live():
            answerer.ask(arm, arm.seeds[0], asked[:1])
            start = time.perf_counter()
            for group in stats.grouped((new_tokens(q), q) for q in asked).values():
                answerer.ask(arm, arm.seeds[0], group)
        milliseconds = 1000 * (time.perf_counter() - start) / len(asked)
        times[arm.name] = {"milliseconds": milliseconds, "questions": len(asked), "machine": models.device()}
    paths.write_atomic(folder / TIMINGS, json.dumps(times, indent=1) + "\n")
    return times


def read_times(folder: Path) -> dict[str, dict[str, Any]]:
    """What `measure_times` kept, by arm; nothing where it has not been called."""
    file = folder / TIMINGS
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def course_grid(questions: Sequence[corpus.Question], arms: Sequence[Arm] = ARMS, **settings: Any) -> Grid:
    """A grid over the course's whole archive; settings as in `Grid`."""
    examples = [q for q in corpus.load_questions("train") if q.followup is None]
    return Grid(questions, corpus.load_documents(), corpus.contract_records(), arms, examples, **settings)


def repeated(folder: Path, **settings: Any) -> Grid:
    """The grid that a folder of the course's results was made from, to be run again; errors as in `asked_in`."""
    manifest, names = read_manifest(folder), Arm.__dataclass_fields__
    rows: list[Any] = [{name: arm[name] for name in names} for arm in manifest["arms"].values()]
    arms = [Arm(**(row | {name: tuple(v) for name, v in row.items() if isinstance(v, list)})) for row in rows]
    budget = {name: manifest["decoding"][name] for name in ("prompt_tokens", "part")}
    return course_grid(asked_in(folder), arms, **budget | settings)


def asked_in(folder: Path, questions: Sequence[corpus.Question] | None = None) -> list[corpus.Question]:
    """The questions that a folder's answers are about.

    Args:
        folder: of the results.
        questions: to look among; by default those of dev, and of the test split where it was asked.

    Raises:
        FileNotFoundError, ValueError: as in `read_manifest`, or the questions are not those that were asked.
    """
    manifest = read_manifest(folder)
    if questions is None:
        questions = [q for half in ("new", "seen") for q in corpus.load_questions("dev", half=half)]
        if any(name.startswith("test") for name in manifest["asked"]):
            questions = [*questions, *corpus.load_questions("test", open_test=True)]
    known = {q.id: q for q in questions}
    asked = [known[name] for name in manifest["asked"] if name in known]
    if digest(asked) != manifest["questions"]:
        raise ValueError(f"{folder} holds answers to other questions than these: give those that were asked.")
    return asked
