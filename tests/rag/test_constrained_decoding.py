"""A model that extracts triples may write nothing else."""

from __future__ import annotations

from small import LEASE

from labkit import rag


def test_a_grammar_lets_only_triples_of_the_passage_be_written(reader):
    text = 'Alder Mills Ltd ("Lessor") pays USD 1,200 within ten days.'
    grammar = rag.TripleGrammar(reader, text, ["party", "deposit"])

    def allowed(written):
        ids = reader.tokenizer(written, add_special_tokens=False)["input_ids"] if written else []
        return {reader.tokenizer.decode([i]) for i in grammar(ids)}

    assert allowed("") == {" none", " document"} and allowed(" none") == {"<end>"}
    assert allowed(" document |") == {" party", " deposit"}
    end = {"\n", "<end>"}
    assert end <= allowed(" document | deposit | USD 1,200") and not end & allowed(" document | deposit | USD 1,2")
    assert allowed(" document | deposit | USD 1,200\n") and "<end>" not in allowed(" document | deposit |")
    assert allowed(" document | deposit | USD 1,200\ndocument |") == {" party"}
    prompts = rag.triple_prompts(rag.fact_chunks([LEASE]))[-1][-1:]
    reply = reader.generate(prompts, 40, grammars=[rag.TripleGrammar(reader, LEASE.text, ["deposit"])])[0]
    lines = [line.split(" | ") for line in reply.splitlines()]
    assert reply == "none" or all(s == "document" and r == "deposit" and o in LEASE.text for s, r, o in lines)
