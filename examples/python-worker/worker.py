"""Books invoices that are paid, exactly once each.

Reads DATABASE_URL, and Temporal's own variables such as TEMPORAL_ADDRESS.
"""

import asyncio
import os
import signal
from datetime import datetime

from temporalio.client import Client
from temporalio.envconfig import ClientConfig

import knockon
from knockon import Event, Outcome, Work

NAME = "python-ledger"


async def book(work: Work) -> list[Outcome]:
    found = await work.tx.execute("select customer from accounts")
    accounts = {customer for (customer,) in await found.fetchall()}
    open = [outcome for event in work.events if (outcome := check(event, accounts))]
    for event in await work.complete(open):
        invoice = event["payload"]
        await work.tx.execute(
            "insert into ledger values (%s, %s, %s, %s::int)",
            (NAME, event["id"], invoice["invoice_id"], invoice["amount_cents"]),
        )
    return open


def check(event: Event, accounts: set[str]) -> Outcome | None:
    """Why it can't be booked now; None: it can."""
    invoice = event["payload"]
    if invoice["amount_cents"] <= 0:
        return knockon.dead(event, "its amount is not above 0", cause="amount")
    if invoice["customer"] not in accounts:
        return knockon.retry(event, "its customer has no account yet", cause="no account")
    book_at = datetime.fromisoformat(invoice.get("book_at") or event["timestamp"])
    return knockon.later(event, book_at) if book_at > datetime.now(book_at.tzinfo) else None


async def main() -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    retry = {"attempts": 5, "initial_ms": 400, "max_ms": 60_000}
    ledger = knockon.Subscriber(
        NAME, ["invoice.paid"], book, {"retry": retry, "again": "asked", "batch": 500}
    )
    client = await Client.connect(**ClientConfig.load_client_connect_config())
    await knockon.run(ledger, os.environ["DATABASE_URL"], client, stop)


if __name__ == "__main__":
    asyncio.run(main())
