"""procrastinate, as we need it: tasks in threads, dead workers noticed, a database that may restart.

Jobs are put in the queue by the store, in the transaction of whatever they are about. Here they are taken out. A job
whose worker stopped beating is given to another one; after `_LIVES` deaths it is left, because it is probably the job
that kills. Its item is then decided by the packs' `on_deadline`. What is only away (the database, the files) is waited
for as long as it takes: a long outage must not end with items that nobody looked at.

The strikes of a job, deaths and faults, are kept in its priority, one less for each, because procrastinate's own count
also grows whenever a job is handed back or put off. So a job that fails lets others go first.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from noisegate.adapters.store.address import for_psycopg
from noisegate.core.errors import UnavailableError
from noisegate.core.ids import ItemId
from noisegate.flows.jobs import ASSESS
from noisegate.worker.rounds import first

GRACE_S = 10.0
"""Seconds that running jobs get to finish when the worker is asked to stop."""
HEARTBEAT_S = 2.0
STALE_S = 8.0
"""Seconds without a heartbeat after which a worker counts as dead; a starved event loop may be late by a few."""
_PATIENCE_S = 60.0
"""Seconds a query waits for a database that is being restarted."""
_AGAIN_S = 0.3
_POLL_S = 2.0
"""Seconds after which a worker looks for jobs without having been told; a retried job is found no later."""
_LONGEST_PAUSE_S = 60.0
"""Seconds between two looks whether what was away is there again."""
_FAULTS = 5
"""Strikes after which a job that raises is left, about ten minutes after the first."""
_LIVES = 4
"""Strikes after which a job whose worker died is left."""
_RANK = 100
"""What puts jobs before others on purpose are multiples of this; the rest of a priority counts strikes."""

log = structlog.get_logger()


class JobQueue:
    """The queue of one database, seen from one worker process."""

    def __init__(self, url: str, *, assess: Callable[[ItemId], None], jobs: int) -> None:
        """Prepare; nothing is opened yet.

        Args:
            url: The database.
            assess: Understands and judges one item; called in threads.
            jobs: How many at a time.
        """
        self._jobs = jobs
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="job")
        self.app = procrastinate.App(connector=_SteadyConnector(conninfo=for_psycopg(url), timeout=_PATIENCE_S))

        @self.app.task(name=ASSESS, queue=ASSESS, retry=_Patience())
        async def run(item: str) -> None:  # procrastinate finds it by its name
            await asyncio.get_running_loop().run_in_executor(self._threads, assess, ItemId(item))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Connected for as long as the block runs. Raises UnavailableError."""
        try:
            async with self.app.open_async():
                yield
        except ConnectorException as error:
            raise UnavailableError(f"the job queue does not answer: {error}") from error

    async def work(self, stop: asyncio.Event) -> None:
        """Take jobs until `stop` is set; a lost connection is waited out.

        Jobs still running GRACE_S after that go back to the queue at once.
        """
        while not stop.is_set():
            worker = asyncio.create_task(
                self.app.run_worker_async(
                    queues=[ASSESS],
                    concurrency=self._jobs,
                    fetch_job_polling_interval=_POLL_S,
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=STALE_S,
                    shutdown_graceful_timeout=GRACE_S,
                    delete_jobs="successful",
                    install_signal_handlers=False,
                )
            )
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({worker, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            worker.cancel()
            (ended,) = await asyncio.gather(worker, return_exceptions=True)
            if not stop.is_set():
                log.warning("the job queue was lost; connecting again", reason=str(ended))
                await first(stop.wait(), at_most_s=_AGAIN_S)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def revive(self) -> int:
        """Give the jobs of dead workers to the living. Returns how many. Raises UnavailableError."""
        revived = 0
        try:
            stalled = list(await self.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALE_S))
        except ConnectorException as error:
            raise UnavailableError(f"the job queue does not answer: {error}") from error
        for job in stalled:
            try:
                if _strikes(job) >= _LIVES:
                    await self.app.job_manager.finish_job(job, status=Status.FAILED, delete_job=False)
                    log.error("a job was left: its workers died", job=job.task_name, arguments=job.task_kwargs)
                else:
                    await self.app.job_manager.retry_job(job, priority=job.priority - 1)
                    log.warning("a job of a dead worker is tried again", job=job.task_name, arguments=job.task_kwargs)
                    revived += 1
            except ConnectorException as error:  # another worker was faster, or the database is away
                log.info("a stalled job could not be revived", reason=str(error))
        return revived

    async def tidy(self, *, hours: int) -> None:
        """Forget jobs that failed so many hours ago; those that succeeded are gone already."""
        await self.app.job_manager.delete_old_jobs(nb_hours=hours, include_failed=True)


class _Patience(BaseRetryStrategy):
    """When a job that raised is tried again: 2, 8, 32... seconds later, and every minute for what is only away."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """See procrastinate."""
        if isinstance(exception, (asyncio.CancelledError, procrastinate.exceptions.JobAborted)):
            return RetryDecision(retry_in={"seconds": 0})  # we are stopping; somebody else may have it now
        if isinstance(exception, UnavailableError):
            pause = min(_LONGEST_PAUSE_S, 2.0 * 4 ** min(job.attempts, 3))
            log.warning("a job waits", job=job.task_name, arguments=job.task_kwargs, reason=exception.message)
            return RetryDecision(retry_in={"seconds": int(pause)})
        strikes = _strikes(job)
        if strikes >= _FAULTS:
            log.error("a job was left: it keeps failing", job=job.task_name, arguments=job.task_kwargs)
            return None
        return RetryDecision(retry_in={"seconds": 2 * 4**strikes}, priority=job.priority - 1)


def _strikes(job: Job) -> int:
    return -job.priority % _RANK


class _SteadyConnector(procrastinate.PsycopgConnector):
    """Outlives a restart of the database where that is safe.

    Reporting and listening are tried again. Fetching is not: a job that was fetched while the answer got lost belongs
    to a worker that must die for it to be found, so that error ends the worker, and `JobQueue.work` starts another.
    """

    async def listen_notify(self, on_notification: Any, channels: Iterable[str]) -> None:
        """See procrastinate."""
        channels = list(channels)
        while True:
            try:
                await super().listen_notify(on_notification, channels)
            except ConnectorException as error:
                if not _is_away(error):
                    raise
                await asyncio.sleep(_AGAIN_S)

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        """See procrastinate: the end of a job, a retry, a heartbeat."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            try:
                await super().execute_query_async(query, **arguments)
            except ConnectorException as error:
                if not _is_away(error) or asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(_AGAIN_S)
            else:
                return


def _is_away(error: ConnectorException) -> bool:
    """Whether the database did not answer, rather than answer with an error."""
    return isinstance(error.__cause__, psycopg.OperationalError)
