"""One file per revision; a revision's SQL lies beside it."""
