"""How the course's data and reader were made; used by the command line and by appendix A1 only."""
