// Takes payments, and emits invoice.paid in the same transaction.
//
// It reads DATABASE_URL and WORKSPACE_ID. Every second payment is declined after the event was
// emitted: then neither the payment nor the event has happened.
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

const table = "create table if not exists payments (invoice_id text, amount_cents int)"

var errDeclined = errors.New("the payment was declined")

func pay(ctx context.Context, conn *pgx.Conn, invoice string, cents int, workspace string) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "insert into payments values ($1, $2)", invoice, cents)
		if err != nil {
			return err
		}
		payload := map[string]any{"invoice_id": invoice, "customer": "ada", "amount_cents": cents}
		_, err = tx.Exec(ctx,
			"select knockon.emit('invoice.paid', workspace => $1, payload => $2, key => $3)",
			workspace, payload, "invoice-"+invoice)
		if err != nil {
			return err
		}
		if cents%2 == 0 {
			return errDeclined
		}
		return nil
	})
}

func run(ctx context.Context, payments int) error {
	conn, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, table); err != nil {
		return err
	}
	for cents := 1; cents <= payments; cents++ {
		invoice := strconv.Itoa(42 + cents%3)
		err := pay(ctx, conn, invoice, cents, os.Getenv("WORKSPACE_ID"))
		if errors.Is(err, errDeclined) {
			fmt.Printf("%d cents for invoice %s were declined\n", cents, invoice)
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
