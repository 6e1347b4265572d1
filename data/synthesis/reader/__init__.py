"""How the course's small language model ("the reader") is made: text, tokenizer, pretraining, evaluation.

Beside the floors: used by the command line and by appendix A1 only.
"""
