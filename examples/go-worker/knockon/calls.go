package knockon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// A worker counts as dead after 15 s of silence.
const heartbeat = 3 * time.Second

// calls are a subscriber's, as Temporal makes them.
type calls struct {
	handle     func(ctx context.Context, work *Work) ([]Outcome, error)
	pool       *pgxpool.Pool
	temporal   client.Client
	oneSuspect sync.Mutex
}

func (c *calls) call(ctx context.Context, raw json.RawMessage) (*Answer, error) {
	var call struct {
		Suspect bool `json:"suspect"`
		Alone   bool `json:"alone"`
	}
	if err := json.Unmarshal(raw, &call); err != nil {
		return nil, poison(err)
	}
	if call.Suspect {
		if !c.oneSuspect.TryLock() {
			return putOff(500 + rand.Int63n(2500)), nil
		}
		defer c.oneSuspect.Unlock()
		if err := c.tell(ctx, "not begun"); err != nil {
			return nil, err
		}
		time.Sleep(250 * time.Millisecond) // Others are put off meanwhile.
		if err := c.tell(ctx, "begun"); err != nil {
			return nil, err
		}
	}
	return c.answer(ctx, string(raw), call.Alone)
}

// tell says it to the server at once: the worker's own heartbeats are sent some time later.
func (c *calls) tell(ctx context.Context, beat string) error {
	return c.temporal.RecordActivityHeartbeat(ctx, activity.GetInfo(ctx).TaskToken, beat)
}

func (c *calls) answer(ctx context.Context, call string, alone bool) (*Answer, error) {
	defer beating(ctx)()
	var tried []Event
	answer, err := c.pages(ctx, call, &tried)
	if err != nil {
		return c.failed(ctx, call, alone, tried, err)
	}
	c.report(ctx, call, answer)
	for i := range answer.Open {
		answer.Open[i].Reason = shortened(answer.Open[i].Reason)
		answer.Open[i].Cause = shortened(answer.Open[i].Cause)
	}
	return answer, nil
}

// pages does what is open. Large events come in pages: each is a transaction of its own.
func (c *calls) pages(ctx context.Context, call string, tried *[]Event) (*Answer, error) {
	answer := &Answer{Open: []Outcome{}}
	seen := []string{}
	for {
		page := func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, "select knockon.open_events($1::jsonb, $2::uuid[])", call, seen)
			if err != nil {
				return err
			}
			*tried, err = pgx.CollectRows(rows, pgx.RowTo[Event])
			if err != nil || len(*tried) == 0 {
				return err
			}
			open, err := c.handle(ctx, &Work{Tx: tx, Events: *tried, call: call})
			answer.Open = append(answer.Open, open...)
			return err
		}
		if err := pgx.BeginFunc(ctx, c.pool, page); err != nil {
			return nil, err
		}
		if len(*tried) == 0 {
			answer.Done = len(seen) - len(answer.Open)
			return answer, nil
		}
		for _, event := range *tried {
			seen = append(seen, event.ID)
		}
	}
}

func (c *calls) failed(
	ctx context.Context, call string, alone bool, tried []Event, err error,
) (*Answer, error) {
	var said *pgconn.PgError
	isSaid := errors.As(err, &said)
	if isSaid && said.Code == "KN006" {
		return nil, temporal.NewApplicationError(said.Message, "UnknownDispatchError")
	}
	var cut *pgconn.ConnectError
	if errors.As(err, &cut) || pgconn.SafeToRetry(err) || isSaid && isAway(said.Code) {
		return putOff(5000), nil
	}
	failure := poison(err)
	if alone && len(tried) > 0 {
		open := []Outcome{*Retry(tried[0], failure.Error(), "")}
		c.report(ctx, call, &Answer{Open: open})
	}
	return nil, failure
}

// isAway says of a SQLSTATE whether the database could not be asked.
func isAway(code string) bool {
	switch code[:2] {
	case "08", "53", "40":
		return true
	}
	return code[:3] == "57P" || code == "55P03"
}

// poison is a failure without values: it stands in histories.
func poison(err error) error {
	reason := fmt.Sprintf("%T", err)
	var said *pgconn.PgError
	if errors.As(err, &said) {
		reason = fmt.Sprintf("SQLSTATE %s", said.Code)
	}
	return temporal.NewApplicationError(reason, "EffectPoison", reason)
}

func (c *calls) report(ctx context.Context, call string, answer *Answer) {
	text, err := json.Marshal(answer)
	if err == nil {
		_, err = c.pool.Exec(ctx, "select knockon.report($1::jsonb, $2::jsonb)", call, string(text))
	}
	if err != nil {
		activity.GetLogger(ctx).Warn("could not report", "error", poison(err))
	}
}

func putOff(ms int64) *Answer { return &Answer{Open: []Outcome{}, PutOffMS: ms} }

// shortened is what of a text enters histories. The whole reason stays in Postgres.
func shortened(text string) string {
	if runes := []rune(text); len(runes) > 200 {
		return string(runes[:200])
	}
	return text
}

// beating says every few seconds that the call is under way, until what it returns is called.
func beating(ctx context.Context) func() {
	ended := make(chan struct{})
	go func() {
		for {
			activity.RecordHeartbeat(ctx, "begun")
			select {
			case <-ended:
				return
			case <-time.After(heartbeat):
			}
		}
	}()
	return func() { close(ended) }
}
