"""The world behind `data/`: companies, contracts, questions and feedback, made from a seed."""
