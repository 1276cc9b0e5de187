"""Noisegate: hold every upload, understand it, judge it against written policy, say why."""

import os

# What is computed here stays here. Libraries that would report on their use are told not to before anything loads them:
# onnxruntime reads this once, when it starts, and what it is told later does not stop its first report.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
