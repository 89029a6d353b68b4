"""Takes payments, and emits invoice.paid in the same transaction.

Reads DATABASE_URL and WORKSPACE_ID. Every second payment is declined after the event was emitted:
then neither the payment nor the event has happened.
"""

import os
import sys

import psycopg
from psycopg.types.json import Jsonb

TABLE = "create table if not exists payments (invoice_id text, amount_cents int)"


class Declined(Exception):
    pass


def pay(connection: psycopg.Connection, invoice: str, cents: int, workspace: str) -> None:
    with connection.transaction():
        connection.execute("insert into payments values (%s, %s)", (invoice, cents))
        payload = {"invoice_id": invoice, "customer": "ada", "amount_cents": cents}
        connection.execute(
            "select knockon.emit('invoice.paid', workspace => %s, payload => %s, key => %s)",
            (workspace, Jsonb(payload), f"invoice-{invoice}"),
        )
        if cents % 2 == 0:
            raise Declined(f"{cents} cents for invoice {invoice} were declined")


def main(payments: int) -> None:
    workspace = os.environ["WORKSPACE_ID"]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(TABLE)
        for cents in range(1, payments + 1):
            try:
                pay(connection, f"{42 + cents % 3}", cents, workspace)
            except Declined as declined:
                print(declined)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
