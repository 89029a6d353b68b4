// Books invoices that are paid, exactly once each.
//
// It reads DATABASE_URL, TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"log"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"knockon.example/worker/knockon"
)

const name = "go-ledger"

type invoice struct {
	InvoiceID   string    `json:"invoice_id"`
	Customer    string    `json:"customer"`
	AmountCents int64     `json:"amount_cents"`
	BookAt      time.Time `json:"book_at"`
}

func book(ctx context.Context, work *knockon.Work) ([]knockon.Outcome, error) {
	rows, err := work.Tx.Query(ctx, "select customer from accounts")
	if err != nil {
		return nil, err
	}
	accounts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	has := map[string]bool{}
	for _, customer := range accounts {
		has[customer] = true
	}
	open := []knockon.Outcome{}
	invoices := map[string]invoice{}
	for _, event := range work.Events {
		var paid invoice
		if err := json.Unmarshal(event.Payload, &paid); err != nil {
			return nil, err
		}
		invoices[event.ID] = paid
		if outcome := check(event, paid, has); outcome != nil {
			open = append(open, *outcome)
		}
	}
	mine, err := work.Complete(ctx, open)
	if err != nil {
		return nil, err
	}
	for _, event := range mine {
		paid := invoices[event.ID]
		_, err := work.Tx.Exec(ctx, "insert into ledger values ($1, $2, $3, $4::bigint::int)",
			name, event.ID, paid.InvoiceID, paid.AmountCents)
		if err != nil {
			return nil, err
		}
	}
	return open, nil
}

// check says why it can't be booked now; nil: it can.
func check(event knockon.Event, paid invoice, has map[string]bool) *knockon.Outcome {
	switch {
	case paid.AmountCents <= 0:
		return knockon.Dead(event, "its amount is not above 0", "amount")
	case !has[paid.Customer]:
		return knockon.Retry(event, "its customer has no account yet", "no account")
	case paid.BookAt.After(time.Now()):
		return knockon.Later(event, paid.BookAt)
	}
	return nil
}

func run(ctx context.Context) error {
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer pool.Close()
	temporal, err := client.Dial(client.Options{
		HostPort:  cmp.Or(os.Getenv("TEMPORAL_ADDRESS"), client.DefaultHostPort),
		Namespace: cmp.Or(os.Getenv("TEMPORAL_NAMESPACE"), client.DefaultNamespace),
	})
	if err != nil {
		return err
	}
	defer temporal.Close()
	ledger := knockon.Subscriber{
		Registration: knockon.Registration{
			Name:       name,
			EventTypes: []string{"invoice.paid"},
			Retry:      &knockon.RetryPolicy{Attempts: 5, InitialMS: 400, MaxMS: 60_000, Backoff: 2},
			Again:      "asked",
			Batch:      500,
		},
		Handle: book,
	}
	return ledger.Run(ctx, pool, temporal, worker.InterruptCh())
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
