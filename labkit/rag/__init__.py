"""Retrieval-augmented generation, step by step: chunk, rewrite, retrieve, post-process, answer.

Each step is LlamaIndex's own component where it has one, called with many questions at once.
"""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.rag.chunking import (
    add_headers, chunk, ClauseParser, clauses_with_headers, cost_of, count_tokens, document_headers, indexed_text,
    passage_of, places_of, span_of, text_of,
)
from labkit.rag.evaluation import (
    BUDGET, cited_reply, ERROR_CATEGORIES, error_category, evidence_in_prompt, evidence_quotes,
    FixedRetriever, K, oracle, oracle_passages, POSITIONS, precision, random_context, RETRIEVAL, retrieval_values,
    rule_passages, score, score_retrieval, score_task, task_prompt, TaskPrompt, term_sheet_guide,
)
from labkit.rag.graph import build_graph, InForce, KnowledgeGraph, Triple
from labkit.rag.graph_retrieval import ContractRanker, GraphRetriever, Seed
from labkit.rag.pipeline import Corrective, judged_by, Pipeline, Result, Step
from labkit.rag.retrieval import AutoMerging, BM25Index, fuse, Hybrid, VectorIndex
from labkit.rag.routing import Domain, kinds_and_dates, Routed, Router, titles
from labkit.rag.stages import (
    Compress, Decompose, EmbedderRerank, First, HyDE, hypothetical_questions, LLMRerank, MMR, MultiQuery, Rerank,
    Rewrite, Window,
)
from labkit.rag.tools import combine, DocumentValue, GraphLookupTool, matrix, Plan, ReadTool, ToolPipeline
from labkit.rag.triples import (
    build_linker, extract, ExtractedTriple, fact_chunks, gold_triples, Linker, plain_name, REGISTER, relations_of,
    SELF, subject_of, triple_prompts, triples_in_reply,
)
from labkit.rag.access import OnlyReadable, readable  # last, for it filters each of the others
