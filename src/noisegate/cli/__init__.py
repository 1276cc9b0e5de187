"""The command line: translates what is typed into one flow call and its answer into words."""
