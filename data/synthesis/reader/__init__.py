"""What the course's small language model ("the reader") is trained and measured on: worlds, instructions, scores."""
