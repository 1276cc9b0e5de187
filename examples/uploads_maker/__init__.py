"""Makes the media under `examples/uploads/` and long recordings for benchmarks; it knows nothing of Noisegate itself.

One module per craft: `sound` (mixing and files), `speech` (synthesised voices), `music` (synthesised instruments),
`pictures` (covers and lettering), `film` (moving pictures), `shelf` (the uploads themselves), `bank` (spoken clips kept
in the repository) and `long` (recordings of any length made from the bank).
"""
