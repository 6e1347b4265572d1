"""How the course's data, adapters and shipped results were made: `python -m synthesis`. Not part of the wheel."""
