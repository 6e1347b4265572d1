"""Corpus: the course's documents and questions, and any folder of your own."""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.corpus.datasets import (
    changed_files, clause_relations, COMPANY_RELATIONS, company_records, contract_records, describe, Fact, gold_facts,
    load_cuad, load_documents, load_questions, PARTY_RELATIONS, question_of, read_checked, relation_of, SPLITS,
)
from labkit.corpus.readers import Folder, load_folder, pages
from labkit.corpus.types import Document, Question, Span
