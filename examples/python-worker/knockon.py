"""The work of a Knock-on subscriber, done by a Temporal worker of your own.

It keeps to docs/reference/protocol.md, and needs no package of Knock-on's: copy this file.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

Event = dict[str, Any]
Outcome = dict[str, Any]

# A worker counts as dead after 15 s of silence.
HEARTBEAT = timedelta(seconds=3)


def retry(event: Event, reason: str, **more: Any) -> Outcome:
    """It failed: try it again by the policy. `after_ms` and `cause` may be given."""
    return {"event_id": event["id"], "state": "retry", "reason": reason, **more}


def later(event: Event, until: datetime) -> Outcome:
    """Nothing is wrong: call again then. That uses up no try."""
    wait = max(0, (until - datetime.now(UTC)) / timedelta(milliseconds=1))
    return {"event_id": event["id"], "state": "later", "until": until.isoformat(), "in_ms": wait}


def dead(event: Event, reason: str, **more: Any) -> Outcome:
    """It can't succeed: a dead letter. `cause` may be given."""
    return {"event_id": event["id"], "state": "dead", "reason": reason, **more}


@dataclass
class Work:
    """Events of one call, in a transaction that holds their receipts too."""

    tx: psycopg.AsyncConnection
    events: list[Event]
    call: dict[str, Any]

    async def complete(self, open: list[Outcome]) -> list[Event]:
        """Writes the receipts of all events that are not in `open`.

        Returns those that are to be done now: another worker may have done some of them.
        """
        left = {outcome["event_id"] for outcome in open}
        ids = [event["id"] for event in self.events if event["id"] not in left]
        found = await self.tx.execute(
            "select knockon.complete(%s, %s::uuid[])::text", (Jsonb(self.call), ids)
        )
        mine = {id for (id,) in await found.fetchall()}
        return [event for event in self.events if event["id"] in mine]


@dataclass
class Subscriber:
    """What is registered, and the code that does a call's work. It returns what is not done."""

    name: str
    event_types: list[str]
    handle: Callable[[Work], Awaitable[list[Outcome]]]
    options: dict[str, Any] = field(default_factory=dict)


class Activity:
    """A subscriber's calls, as Temporal makes them."""

    def __init__(self, subscriber: Subscriber, pool: AsyncConnectionPool, client: Client) -> None:
        self._handle = subscriber.handle
        self._pool = pool
        self._client = client
        self._one_suspect = asyncio.Lock()

    async def __call__(self, call: dict[str, Any]) -> dict[str, Any]:
        if not call.get("suspect"):
            return await self._answer(call)
        if self._one_suspect.locked():
            return put_off(random.randint(500, 3000))
        async with self._one_suspect:
            await self._tell("not begun")
            await asyncio.sleep(0.25)  # Others are put off meanwhile.
            await self._tell("begun")
            return await self._answer(call)

    async def _tell(self, beat: str) -> None:
        # The worker's own heartbeats are sent some time later.
        token = activity.info().task_token
        await self._client.get_async_activity_handle(task_token=token).heartbeat(beat)

    async def _answer(self, call: dict[str, Any]) -> dict[str, Any]:
        tried: list[Event] = []
        try:
            async with beating():
                answer = await self._pages(call, tried)
        except Exception as error:
            return await self._failed(call, tried, error)
        await self._report(call, answer)
        return {**answer, "open": [shortened(outcome) for outcome in answer["open"]]}

    async def _pages(self, call: dict[str, Any], tried: list[Event]) -> dict[str, Any]:
        """Large events come in pages: each is a transaction of its own."""
        seen: list[str] = []
        open: list[Outcome] = []
        while True:
            async with self._pool.connection() as tx, tx.transaction():
                found = await tx.execute(
                    "select knockon.open_events(%s, %s::uuid[])", (Jsonb(call), seen)
                )
                events = [event for (event,) in await found.fetchall()]
                if not events:
                    return {"done": len(seen) - len(open), "open": open}
                tried[:] = events
                open += await self._handle(Work(tx, events, call))
                seen += [event["id"] for event in events]

    async def _failed(
        self, call: dict[str, Any], tried: list[Event], error: Exception
    ) -> dict[str, Any]:
        code = getattr(error, "sqlstate", None)
        if code == "KN006":
            raise ApplicationError(str(error), type="UnknownDispatchError") from None
        if isinstance(error, psycopg.OperationalError) and code != "57014":
            return put_off(5000)  # The database is away.
        # It stands in histories, so it holds no values.
        reason = f"{type(error).__name__} (SQLSTATE {code})" if code else type(error).__name__
        if call["alone"] and tried:
            await self._report(call, {"done": 0, "open": [retry(tried[0], reason)]})
        raise ApplicationError(reason, reason, type="EffectPoison") from None

    async def _report(self, call: dict[str, Any], answer: dict[str, Any]) -> None:
        try:
            async with self._pool.connection() as connection:
                await connection.execute(
                    "select knockon.report(%s, %s)", (Jsonb(call), Jsonb(answer))
                )
        except psycopg.Error as error:
            activity.logger.warning("could not report: %s", type(error).__name__)


def put_off(ms: int) -> dict[str, Any]:
    return {"done": 0, "open": [], "put_off_ms": ms}


def shortened(outcome: Outcome) -> Outcome:
    """The whole reason stays in Postgres."""
    return {**outcome, **{k: outcome[k][:200] for k in ("reason", "cause") if k in outcome}}


@asynccontextmanager
async def beating():
    async def beat() -> None:
        while True:
            activity.heartbeat("begun")
            await asyncio.sleep(HEARTBEAT.total_seconds())

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()


async def run(
    subscriber: Subscriber, database_url: str, client: Client, stop: asyncio.Event
) -> None:
    """Registers the subscriber and takes its calls, until `stop` is set."""
    async with AsyncConnectionPool(
        database_url, min_size=1, max_size=8, kwargs={"autocommit": True}, timeout=10
    ) as pool:
        registration = {
            "name": subscriber.name,
            "event_types": subscriber.event_types,
            **subscriber.options,
        }
        async with pool.connection() as connection:
            row = await connection.execute(
                "select knockon.register_subscriber(%s)", (Jsonb(registration),)
            )
            (place,) = await row.fetchone()
        work = Activity(subscriber, pool, client)

        @activity.defn(name=place["activity"])
        async def answer(call: dict[str, Any]) -> dict[str, Any]:
            return await work(call)

        async with Worker(
            client,
            task_queue=place["task_queue"],
            activities=[answer],
            max_concurrent_activities=8,
            max_heartbeat_throttle_interval=HEARTBEAT,
            default_heartbeat_throttle_interval=HEARTBEAT,
            graceful_shutdown_timeout=timedelta(seconds=10),
        ):
            print(f"{subscriber.name} takes its calls from {place['task_queue']}", flush=True)
            await stop.wait()
