"""The worker process: jobs, deadlines, deliveries and housekeeping, until it is asked to stop.

Stopping hands unfinished jobs back to the queue and ends the process without waiting for models: killing it at any
point loses nothing, asking it nicely only saves time.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable

import structlog

from noisegate.adapters.telemetry import log_to_stderr
from noisegate.core.errors import NoisegateError
from noisegate.embedded import database
from noisegate.flows.deadline import overdue
from noisegate.settings import Settings
from noisegate.system import System
from noisegate.worker.queue import JobQueue
from noisegate.worker.rounds import Deadlines, Deliveries, every
from noisegate.worker.tasks import Tasks

_DEADLINES_S = 1.0
_REVIVAL_S = 3.0
_HOUSEKEEPING_S = 600.0
_FILES_S = 6 * 3600.0
"""Every file is looked at, which takes long where there are millions, and none is due before a day has passed."""
_EVENTS_KEPT_D = 30
_RESULTS_KEPT_D = 90
_FAILED_JOBS_KEPT_H = 24 * 7

log = structlog.get_logger()


def main() -> None:
    """Run a worker on the installation that the settings describe; exits 1 when it cannot start."""
    log_to_stderr()
    try:
        settings = Settings()
        with database(settings) as url:
            run(System(settings.model_copy(update={"database_url": url})))
    except NoisegateError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(error.exit_code) from error


def run(system: System) -> None:
    """Work until SIGTERM or SIGINT, then end the process.

    Raises:
        NoisegateError: it cannot start: the database, a pack, a setting.
    """
    prepare(system)
    asyncio.run(work(system, _signals))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # a model may still be computing for a job that was handed back; nobody needs its answer


def prepare(system: System) -> None:
    """Open what every job needs, so that what is wrong is said at once and not by the first item.

    Raises:
        NoisegateError: the database, a pack, a setting.
    """
    system.store.packs.freeze(compiled.pack for compiled in system.packs)
    _ = system.blobs, system.item_assessor, system.courier


async def work(system: System, install_signals: Callable[[asyncio.Event], None] = lambda _: None) -> None:
    """Work until the event that `install_signals` is given is set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    install_signals(stop)
    store = system.store
    deliveries = Deliveries(store.outbox.take, system.courier)

    def moved() -> None:
        loop.call_soon_threadsafe(deliveries.wake)

    tasks = Tasks(system, moved=moved)
    queue = JobQueue(str(system.settings.database_url), assess=tasks.assess, jobs=system.settings.jobs)
    deadlines = Deadlines(lambda limit: overdue(store, limit=limit), tasks.decide)

    async def keep_house() -> None:
        await asyncio.to_thread(store.outbox.prune, days=_EVENTS_KEPT_D)
        await asyncio.to_thread(store.results.prune, days=_RESULTS_KEPT_D)
        await queue.tidy(hours=_FAILED_JOBS_KEPT_H)

    async def tidy_files() -> None:
        await asyncio.to_thread(tasks.tidy_files)

    async with queue.opened():
        log.info("the worker is ready", jobs=system.settings.jobs, packs=[pack.name for pack in system.packs])
        async with asyncio.TaskGroup() as group:
            group.create_task(queue.work(stop))
            group.create_task(deliveries.work(stop))
            group.create_task(every(_DEADLINES_S, stop, deadlines.round, name="deadlines"))
            group.create_task(every(_REVIVAL_S, stop, queue.revive, name="jobs of dead workers"))
            group.create_task(every(_HOUSEKEEPING_S, stop, keep_house, name="housekeeping"))
            group.create_task(every(_FILES_S, stop, tidy_files, name="files that nothing refers to"))


def _signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
