"""One file per noun: each route checks who asks, calls one flow, and answers."""
