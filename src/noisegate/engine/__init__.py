"""Pure functions over the nouns: plan, step, compile, evaluate, route, explain. No I/O, no clock, no chance."""
