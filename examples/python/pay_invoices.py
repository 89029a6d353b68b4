"""Pays invoices, and emits invoice.paid in the same transaction.

Reads DATABASE_URL and WORKSPACE_ID. Every second payment fails after the event was emitted: then
neither the payment nor the event has happened.
"""

import os
import sys

import psycopg
from psycopg.types.json import Jsonb

SCHEMA = """
create table if not exists invoices (
  id text primary key, customer text not null, payments int not null default 0
)"""


class Declined(Exception):
    pass


def pay(connection: psycopg.Connection, invoice: str, nth: int, workspace: str) -> None:
    with connection.transaction():
        connection.execute(
            "update invoices set payments = payments + 1 where id = %s", (invoice,)
        )
        connection.execute(
            "select knockon.emit('invoice.paid', workspace => %s, payload => %s, key => %s)",
            (workspace, Jsonb({"invoice_id": invoice, "nth": nth}), f"invoice-{invoice}"),
        )
        if nth % 2 == 1:
            raise Declined(f"payment {nth} of invoice {invoice} was declined")


def main(payments: int) -> None:
    workspace = os.environ["WORKSPACE_ID"]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(SCHEMA)
        for invoice in ("42", "43"):
            connection.execute(
                "insert into invoices (id, customer) values (%s, 'ada') on conflict do nothing",
                (invoice,),
            )
        for nth in range(payments):
            try:
                pay(connection, ("42", "43")[nth // 2 % 2], nth, workspace)
            except Declined as declined:
                print(declined)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
