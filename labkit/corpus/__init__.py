"""Corpus: the course's documents and questions, and any folder of your own."""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.corpus.course_data import (
    changed_files, company_records, contract_records, describe, load_documents, load_questions, question_of,
    read_checked, SPLITS,
)
from labkit.corpus.cuad import load_cuad
from labkit.corpus.folders import Folder, load_folder, pages, read_file
from labkit.corpus.gold_graph import clause_relations, COMPANY_RELATIONS, Fact, gold_facts, PARTY_RELATIONS, relation_of
from labkit.corpus.types import Document, Question, Span
