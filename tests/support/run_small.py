"""`python run_small.py api FD` or `python run_small.py worker`: a process of an installation with toy signals.

The settings come from the environment, as for the real processes; `small_world` says what is toy.
"""

import sys

from small_world import SmallSystem

from noisegate.adapters.telemetry import log_to_stderr
from noisegate.settings import Settings

if __name__ == "__main__":
    log_to_stderr()
    system = SmallSystem(Settings())
    if sys.argv[1] == "api":
        from noisegate.api.main import run

        run(system, descriptor=int(sys.argv[2]))
    else:
        from noisegate.worker.main import run as work

        work(system)
