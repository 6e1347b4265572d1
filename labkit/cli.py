"""The command line: everything the Makefile does, also where there is no make."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from labkit import paths, profiles


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when it succeeded. Errors that a user can mend are one sentence, not a traceback."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and not getattr(options, "passes_on", False):
        parser.error(f"unknown arguments: {' '.join(rest)}")
    options.rest = rest
    try:
        return int(options.run(options) or 0)
    except (FileNotFoundError, ValueError, RuntimeError) as cause:
        print(f"labkit: {cause}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="labkit", description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int | None], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("help", lambda _: parser.print_help(), "list the commands")
    add("base", _base, "fetch the base model once, so that everything else runs without network")
    add("lab", _lab, "open the course in JupyterLab (further arguments go to JupyterLab)").set_defaults(passes_on=True)
    add("test", _in_checkout, "run every check and test, each notebook included")
    add("lint", _in_checkout, "check style and types")
    add("course", _course, "run every lesson and print all figures")
    add("publish", _in_checkout, "stamp badges: --repository URL; without it, remove them").set_defaults(passes_on=True)
    add("doctor", _doctor, "examine this machine: what is missing, what would run, what to do about each problem")
    add("data", _data, "describe the course's data: data describe").add_argument("action", choices=("describe",))
    text = "show what labkit reads of your own documents, page by page, and what it leaves out"
    add("inspect", _inspect, text).add_argument("path", metavar="FILE_OR_FOLDER")
    text = "let the model write questions with answers and evidence from your own documents, and filter them"
    written = add("questions", _questions, text)
    written.add_argument("--docs", required=True, metavar="FOLDER", help="the documents")
    written.add_argument("--out", default="questions.jsonl", metavar="FILE", help="the questions, one a line")
    text = "measure on your own documents, ask the arms of the course's benchmark, or compare two runs of it"
    own = add("bench", _bench_own, text)
    own.add_argument("--docs", metavar="FOLDER", help="your documents")
    own.add_argument("--questions", dest="file", type=Path, metavar="FILE", help="about them; else a model writes some")
    own.add_argument("--out", type=Path, metavar="FOLDER", help="of the results; by default beside the documents")
    which = own.add_mutually_exclusive_group()
    which.add_argument("--model", default=profiles.READER, help="hub id, folder or GGUF file; by default the reader")
    which.add_argument("--llm", metavar="URL#MODEL", help="an OpenAI-compatible address and the model's name there")
    text = "what nobody measured: value, loss, person_minutes, per_day, ...; see roi.Assumptions"
    own.add_argument("--assume", nargs="*", default=[], metavar="NAME=AMOUNT", help=text)
    actions = own.add_subparsers()
    asked = actions.add_parser("run", help="ask arms the dev questions that a folder of results does not answer yet")
    asked.set_defaults(run=_bench_run)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--arms", help="names with commas between them; all by default")
    asked.add_argument("--like", type=Path, metavar="FOLDER", help="what another folder's manifest names instead")
    asked.add_argument("--engine", choices=("local", "ray", "shipped"), default="local")
    asked.add_argument("--workers", type=int, default=2, help="of Ray")
    compared = actions.add_parser("compare", help="exit with 1 where an arm got significantly worse")
    compared.set_defaults(run=_bench_compare)
    compared.add_argument("old", type=Path)
    compared.add_argument("new", type=Path)
    return parser


def _lessons() -> Path:
    """The checkout's lessons; where labkit was installed from a wheel, a copy of them to work in."""
    if paths.checkout():
        return paths.lessons()
    folder = Path.cwd() / "labkit-course"
    if not folder.exists():
        shutil.copytree(paths.lessons(), folder)
        print(f"The lessons were copied to {folder}.")
    return folder


def _base(_: argparse.Namespace) -> None:
    from labkit import models

    print(f"The base model is in {models.base_model()}.")


def _lab(options: argparse.Namespace) -> int:
    folder = _lessons()
    command = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1"]
    if not any("notebook-dir" in a or "root_dir" in a for a in options.rest):
        command.append(f"--notebook-dir={folder}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return subprocess.run([*command, *options.rest], check=False).returncode


def _in_checkout(options: argparse.Namespace) -> int:
    if (root := paths.checkout()) is None:
        raise FileNotFoundError("This command needs the course's checkout: clone it and run the command there.")
    script = ["notebooks/publish.py"] if options.command == "publish" else ["tests", options.command]
    return subprocess.run([sys.executable, *script, *options.rest], cwd=root, check=False).returncode


def _course(_: argparse.Namespace) -> int:
    return subprocess.run([sys.executable, _lessons() / "course.py"], check=False).returncode


def _doctor(_: argparse.Namespace) -> int:
    from labkit import course

    found = course.examine()
    print(course.page(found))
    return int(any(finding.advice for finding in found))


def _data(_: argparse.Namespace) -> None:
    from labkit import corpus

    print(corpus.describe())


def _bench_own(options: argparse.Namespace) -> None:
    from labkit import own_documents

    if options.docs is None:
        raise ValueError("Name the folder of your documents: labkit bench --docs FOLDER (or see bench run, compare).")
    out = options.out or Path(f"{options.docs.rstrip('/')}-results")
    assumed = own_documents.read_assumptions(options.assume)
    written = own_documents.measure(options.docs, out, options.file, options.llm or options.model, assumed)
    print(written[0].read_text(encoding="utf-8"))
    print("The decision report: " + ", ".join(map(str, written[1:])))


def _bench_run(options: argparse.Namespace) -> None:
    from labkit import bench, corpus
    from labkit.bench.grid import digest

    if options.like or options.engine == "shipped":
        grid = bench.repeated(options.like or bench.shipped_grid())
    else:
        dev = [q for half in ("new", "seen") for q in corpus.load_questions("dev", half=half) if q.followup is None]
        # An arm that gets a share of the questions takes the first of each task, so these must be of many contracts.
        grid = bench.course_grid(sorted(dev, key=lambda q: digest(q.id)))
    if options.arms:
        names = [name.strip() for name in options.arms.split(",")]
        arms = [arm for arm in grid.arms if arm.name in names]
        if len(arms) < len(names):
            raise ValueError(f"There is no such arm: choose among {', '.join(arm.name for arm in grid.arms)}.")
        grid = replace(grid, arms=arms)
    path = bench.run_grid(grid, options.folder, options.engine, options.workers)
    if options.engine != "shipped":
        bench.measure_times(grid, options.folder)
    scores = bench.by_task(bench.load_runs(options.folder))
    print(scores.pivot(index="arm", columns="task", values="value").round(2).to_string(na_rep="-"))
    print(f"Scores on new contracts; all answers are in {path}.")


def _bench_compare(options: argparse.Namespace) -> int:
    from labkit import bench

    table = bench.regressions(options.old, options.new)
    print(table.round(3).to_string(index=False, na_rep="-"))
    worse = table[table["worse"]]
    print("\n".join(f"{row.name} got worse: {row.metric} ({row.half})" for row in worse.itertuples(index=False))
          or "No arm got significantly worse.")  # fmt: skip
    return int(len(worse) > 0)


def _questions(options: argparse.Namespace) -> None:
    from labkit import corpus, models, questions, rag

    folder = corpus.load_folder(options.docs)
    print(folder.report())
    chunks = rag.chunk(folder.documents, rag.ClauseParser())
    rows = questions.write_questions(models.load_generator(), chunks, progress=True)
    path = questions.save(rows, Path(options.out))
    counts = "; ".join(f"{number} {name}" for name, number in questions.survivors(rows).items())
    print(f"{counts}. All of them are in {path}.")
    print("Check those kept before you train or measure with them, in a notebook:")
    print(f"widgets.QuestionReview({str(path)!r}, corpus.load_folder({options.docs!r}).documents)")


def _inspect(options: argparse.Namespace) -> None:
    from labkit import inspection

    print(inspection.report(options.path))
