"""The shapes of requests and answers. Answers are documented here and checked against it by tests, not at run time."""
