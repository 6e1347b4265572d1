"""`python -m synthesis`: makes what comes with the course anew."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from labkit import paths, profiles


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when it succeeded. Errors that a user can mend are one sentence, not a traceback."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except (FileNotFoundError, ValueError) as cause:
        print(f"synthesis: {cause}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="synthesis", description="Make what comes with the course anew.")
    commands = parser.add_subparsers(required=True)
    data = commands.add_parser("data", help="build the course's data, or check it")
    data.set_defaults(run=_data)
    data.add_argument("action", choices=("build", "verify"))
    files = commands.add_parser("files", help="print contracts with Chromium and LibreOffice")
    files.set_defaults(run=_files)
    reader = commands.add_parser("reader", help="measure a reader, or measure it and write its model card")
    reader.set_defaults(run=_reader)
    reader.add_argument("action", choices=("evaluate", "card"))
    reader.add_argument("model", nargs="?", default=profiles.READER, help="another model to measure, or its folder")
    adapters = commands.add_parser("adapters", help="train the adapters that come with the course")
    adapters.set_defaults(run=_adapters)
    adapters.add_argument("name", nargs="?", help="one of them, by the name of its folder; all by default")
    questions = commands.add_parser("questions", help="write the hypothetical questions of lesson 02")
    questions.set_defaults(run=_questions)
    written = commands.add_parser("written", help="write questions about the train contracts for lesson 07")
    written.set_defaults(run=_written)
    tuned = commands.add_parser("arms", help="train and ask the arms of lesson 08 that are not there yet")
    tuned.set_defaults(run=_finetuning)
    tuned.add_argument("out", type=Path, help="folder of what is trained")
    tuned.add_argument("--workers", type=int, default=1, help="arms trained at once; more than one wants a GPU")
    preferred = commands.add_parser("preferences", help="make the judged replies of lesson 09, and learn from them")
    preferred.set_defaults(run=_preferences)
    preferred.add_argument("out", type=Path, help="folder of what is made on the way, and of the adapters")
    rounds = commands.add_parser("rounds", help="teach a model what arrives, round after round, for lesson 10")
    rounds.set_defaults(run=_rounds)
    rounds.add_argument("out", type=Path, help="folder of what is made on the way, and of the adapters")
    rounds.add_argument("--replay", type=float, help="only with this share, so that two processes can share the work")
    retrieved = commands.add_parser("raft", help="train on retrieved passages, for lesson 11 and the benchmark")
    retrieved.set_defaults(run=_raft)
    retrieved.add_argument("out", type=Path, help="folder of what is made, beside those of `arms` and of `rounds`")
    last = commands.add_parser("final", help="ask the benchmark's arms the final questions, for lessons 12 and 13")
    last.set_defaults(run=_final)
    last.add_argument("out", type=Path, help="folder of the answers, and of adapters that do not come with the course")
    last.add_argument("--arms", help="names with commas between them, so that processes can share the work")
    last.add_argument("--train", type=int, metavar="SEED", help="train the adapters of a further seed")
    last.add_argument("--ship", action="store_true", help="put what is finished into the course")
    secured = commands.add_parser("security", help="attack models by documents, for lesson 14")
    secured.set_defaults(run=_security)
    secured.add_argument("out", type=Path, help="folder of what is made on the way")
    secured.add_argument("--trial", type=int, metavar="N", help="only N questions, to look at; nothing is shipped")
    cited = commands.add_parser("lessons", help="collect what other lessons found, for lesson 14")
    cited.set_defaults(run=_lessons)
    triples = commands.add_parser("triples", help="extract the triples of lessons 05 and 06")
    triples.set_defaults(run=_triples)
    triples.add_argument("split", nargs="?", help="dev for the lessons' archive alone; the benchmark needs all of it")
    return parser


def _data(options: argparse.Namespace) -> int:
    from synthesis.archive import build, checks

    if options.action == "build":
        # Not `paths.data()`, which wants a folder that holds data already.
        build.main(Path(__file__).resolve().parents[1])
        return 0
    problems = checks.verify(paths.data())
    print("\n".join(problems) or "The data passes every check.")
    return int(bool(problems))


def _files(_: argparse.Namespace) -> None:
    from synthesis.archive import files

    files.main()


def _reader(options: argparse.Namespace) -> None:
    from synthesis.reader import evaluate

    if options.action == "card":
        evaluate.write_card(paths.adapter(profiles.READER))
    else:
        print(evaluate.table(evaluate.evaluate(options.model, progress=True)))


def _adapters(options: argparse.Namespace) -> None:
    from synthesis import adapters

    if options.name not in (None, *adapters.MAKERS):
        raise ValueError(f"There is no adapter {options.name!r}: choose one of {', '.join(adapters.MAKERS)}.")
    for name in [options.name] if options.name else adapters.MAKERS:
        print(adapters.MAKERS[name](paths.adapter(name)))


def _questions(_: argparse.Namespace) -> None:
    from synthesis import results

    print(results.write_questions())


def _written(_: argparse.Namespace) -> None:
    from synthesis import results

    print(results.write_training_questions())


def _finetuning(options: argparse.Namespace) -> None:
    from synthesis import finetuning

    finetuning.main(options.out, options.workers)


def _preferences(options: argparse.Namespace) -> None:
    from synthesis import preferences

    preferences.main(options.out)


def _raft(options: argparse.Namespace) -> None:
    from synthesis import raft

    raft.main(options.out)


def _final(options: argparse.Namespace) -> None:
    from synthesis import final

    if options.ship:
        final.ship(options.out)
    elif options.train is not None:
        final.train(options.out, options.train)
    else:
        final.main(options.out, [name.strip() for name in (options.arms or "").split(",") if name.strip()])


def _rounds(options: argparse.Namespace) -> None:
    from synthesis import rounds

    rounds.main(options.out, options.replay)


def _security(options: argparse.Namespace) -> None:
    from synthesis import security

    security.main(options.out, options.trial)


def _lessons(_: argparse.Namespace) -> None:
    from synthesis import lessons

    print(lessons.write())


def _triples(options: argparse.Namespace) -> None:
    from synthesis import results

    print(results.write_triples(options.split))


if __name__ == "__main__":
    raise SystemExit(main())
