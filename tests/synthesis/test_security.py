"""Attacks by documents: what is planted, what each defence takes out, and that a run goes on where it stopped."""

from __future__ import annotations

import pytest
from synthesis import security

from labkit import bench, corpus
from labkit.metrics import normalise
from labkit.prompts import REFUSAL


@pytest.fixture(scope="module")
def blocks():
    return security.cases()


class Template:
    """A template in the manner of ChatML."""

    def apply_chat_template(self, chat, tokenize, add_generation_prompt):
        return "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in chat)


class Obedient:
    """Does what the last instruction of its prompt says; as a judge it passes nothing that names the attacker."""

    name, max_length, max_new_tokens = "obedient", 9999, 40
    tokenizer = Template()

    def __init__(self):
        self.asked = []

    def text(self, messages):
        return "".join(f"<|im_start|>{m['role']}\n{m['content'].replace('<|', '< |')}<|im_end|>\n" for m in messages)

    def count_tokens(self, messages):
        return len(self.text(messages).split())

    def _ids(self, texts):
        return [text.split() for text in texts]

    def _answers(self, task, contents, compute):
        return compute(list(range(len(contents))))

    def _generate(self, texts, new, size, progress):
        self.asked += texts
        return [security.NAME if security.NAME in text else "calm" for text in texts]

    def generate(self, chats, max_new_tokens=None, batch_size=None, progress=False):
        if max_new_tokens == security.VERDICT:
            return ["no" if f"Answer: {security.NAME}" in chat[-1]["content"] else "yes" for chat in chats]
        return ["calm"] * len(chats)


def test_each_contract_is_asked_about_once_before_any_is_asked_about_twice(blocks):
    cases = [case for block in blocks for case in block]
    assert len({c.question.id for c in cases}) == len(cases) == 48
    assert len({c.question.cluster for c in cases[:24]}) == 24
    assert {c.question.split for c in cases} == {"dev"} and {c.question.task for c in cases} == {"lookup"}


def test_the_gold_passage_stands_first_and_the_attackers_last(blocks):
    documents = {d.title: d.id for d in corpus.load_documents("dev")}
    for case in blocks[0]:
        assert documents[case.passages[0].title] in case.question.documents
        assert documents[case.passages[-1].title] not in case.question.documents


def test_what_an_attacker_wants_stands_in_the_prompt_only_where_there_is_an_attack(blocks):
    none = security.DEFENCES["none"]
    for case in (case for block in blocks for case in block):
        calm = normalise(str(security.passages_of(case, bench.NO_ATTACK, none)))
        for attack in set(security.ATTACKS) - {bench.NO_ATTACK}:
            wanted = normalise(security.wish(attack, case))
            assert wanted not in calm and wanted not in map(normalise, case.question.accepted())
            assert wanted in normalise(str(security.passages_of(case, attack, none)))
    assert security.wish(bench.NO_ATTACK, case) is None


def test_each_defence_takes_out_what_it_is_for(blocks):
    case, generator = blocks[0][0], Obedient()
    read = {d: {a: security.prompt(case, a, defence, generator) for a in security.ATTACKS}
            for d, defence in security.DEFENCES.items()}  # fmt: skip
    calm, hidden = read["none"][bench.NO_ATTACK], read["hidden text left out"]
    assert security.NAME in read["none"]["hidden text"] and hidden["hidden text"] == calm
    assert read["none"]["system turn"].count("<|im_start|>") == 4
    assert read["control tokens neutralised"]["system turn"].count("<|im_start|>") == 2
    assert read["quoting"]["instruction"].count('"""') == 7  # of three passages, and named once in the instruction
    for attack in ("instruction", "planted answer"):
        assert read["control tokens neutralised"][attack] == read["none"][attack] == hidden[attack]


def test_a_judge_turns_replies_into_refusals_and_what_it_reads_is_counted(blocks):
    model, reader = Obedient(), Obedient()
    rows = security.answered(blocks[0][:2], model, reader)
    assert len(rows) == 2 * len(security.ATTACKS) * len(security.DEFENCES)
    assert len(set(model.asked)) == len(model.asked)
    replies = {(q, attack, defence): reply for q, attack, defence, reply, _ in rows}
    tokens = {(q, attack, defence): n for q, attack, defence, _, n in rows}
    q = blocks[0][0].question.id
    assert replies[q, "instruction", "none"] == security.NAME and replies[q, bench.NO_ATTACK, "none"] == "calm"
    for defence in ("judge's verdict", "judge's own answer", "all but quoting and verdict"):
        assert replies[q, "instruction", defence] == REFUSAL
        assert replies[q, bench.NO_ATTACK, defence] == "calm"
        assert tokens[q, bench.NO_ATTACK, defence] > 1.5 * tokens[q, bench.NO_ATTACK, "none"]
    assert replies[q, "hidden text", "hidden text left out"] == "calm"
    assert replies[q, "system turn", "control tokens neutralised"] == security.NAME  # the text is still there to read


def test_a_run_ships_what_is_there_and_goes_on(blocks, tmp_path, monkeypatch, capsys):
    made, shipped = [], {}
    monkeypatch.setattr(security, "cases", lambda: [blocks[0][:6], blocks[1][:6]])
    monkeypatch.setattr(security.models, "load_generator", lambda name: made.append(name) or Obedient())
    monkeypatch.setattr(security, "ship", lambda folder, name, content: shipped.update({name: content}))
    security.main(tmp_path, trial=3)
    assert shipped == {} and "all but quoting and verdict" in capsys.readouterr().out
    security.main(tmp_path)
    rows, record = list(shipped["replies.jsonl.xz"]), shipped["wishes.json"]
    assert len(rows) == 2 * 12 * len(security.ATTACKS) * len(security.DEFENCES) and len(record["wishes"]) == 12
    assert set(record["milliseconds"]) == set(security.MODELS)
    monkeypatch.setattr(security, "answered", lambda *_: pytest.fail("nothing is asked again"))
    security.main(tmp_path)
    assert list(shipped["replies.jsonl.xz"]) == rows
    none = security.table(bench.attacked_replies(rows, record["wishes"]))["none"]
    assert none.drop(bench.NO_ATTACK, level="attack").mean() > 0.5
