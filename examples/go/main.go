// Pays invoices, and emits invoice.paid in the same transaction.
//
// It reads DATABASE_URL and WORKSPACE_ID. Every second payment fails after the event was emitted:
// then neither the payment nor the event has happened.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5"
)

const schema = `create table if not exists invoices (
  id text primary key, customer text not null, payments int not null default 0
)`

var errDeclined = errors.New("the payment was declined")

func pay(ctx context.Context, connection *pgx.Conn, invoice string, nth int, workspace string) error {
	return pgx.BeginFunc(ctx, connection, func(tx pgx.Tx) error {
		const update = "update invoices set payments = payments + 1 where id = $1"
		if _, err := tx.Exec(ctx, update, invoice); err != nil {
			return err
		}
		payload := map[string]any{"invoice_id": invoice, "nth": nth}
		_, err := tx.Exec(ctx,
			"select knockon.emit('invoice.paid', workspace => $1, payload => $2, key => $3)",
			workspace, payload, "invoice-"+invoice)
		if err != nil {
			return err
		}
		if nth%2 == 1 {
			return errDeclined
		}
		return nil
	})
}

func run(ctx context.Context, payments int) error {
	connection, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer connection.Close(ctx)
	if _, err := connection.Exec(ctx, schema); err != nil {
		return err
	}
	invoices := []string{"42", "43"}
	for _, invoice := range invoices {
		const insert = "insert into invoices (id, customer) values ($1, 'ada') on conflict do nothing"
		if _, err := connection.Exec(ctx, insert, invoice); err != nil {
			return err
		}
	}
	for nth := range payments {
		invoice := invoices[nth/2%2]
		err := pay(ctx, connection, invoice, nth, os.Getenv("WORKSPACE_ID"))
		if errors.Is(err, errDeclined) {
			fmt.Printf("payment %d of invoice %s was declined\n", nth, invoice)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func main() {
	payments := 8
	if len(os.Args) > 1 {
		given, err := strconv.Atoi(os.Args[1])
		if err != nil {
			log.Fatal(err)
		}
		payments = given
	}
	if err := run(context.Background(), payments); err != nil {
		log.Fatal(err)
	}
}
