"""Corpus: the course's documents and questions, and any folder of your own.

Floor 1.
"""

from labkit.corpus.course_data import (
    SPLITS,
    changed_files,
    company_records,
    contract_records,
    describe,
    load_documents,
    load_questions,
    read_checked,
)
from labkit.corpus.folders import Folder, load_folder
from labkit.corpus.gold_graph import (
    COMPANY_RELATIONS,
    PARTY_RELATIONS,
    Fact,
    clause_relations,
    gold_facts,
    relation_of,
)
from labkit.corpus.types import Document, Question, Span

__all__ = [
    "COMPANY_RELATIONS",
    "PARTY_RELATIONS",
    "SPLITS",
    "Document",
    "Fact",
    "Folder",
    "Question",
    "Span",
    "changed_files",
    "clause_relations",
    "company_records",
    "contract_records",
    "describe",
    "gold_facts",
    "load_documents",
    "load_folder",
    "load_questions",
    "read_checked",
    "relation_of",
]
