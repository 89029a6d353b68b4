// Package knockon does the work of a Knock-on subscriber as a Temporal worker of your own.
//
// It keeps to docs/reference/protocol.md, and needs no package of Knock-on's: copy this folder.
package knockon

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
)

// Event is one thing that has happened.
type Event struct {
	ID          string          `json:"id"`
	Type        string          `json:"type"`
	Version     int             `json:"version"`
	WorkspaceID string          `json:"workspace_id"`
	Key         *string         `json:"key"`
	Seq         *int64          `json:"seq"`
	Timestamp   time.Time       `json:"timestamp"`
	Payload     json.RawMessage `json:"payload"`
}

// Outcome says of an event that is not done what is to become of it.
type Outcome struct {
	EventID string     `json:"event_id"`
	State   string     `json:"state"`
	Reason  string     `json:"reason,omitempty"`
	Cause   string     `json:"cause,omitempty"`
	AfterMS int64      `json:"after_ms,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
	InMS    *int64     `json:"in_ms,omitempty"`
}

// Retry: it failed, try it again by the policy.
func Retry(event Event, reason, cause string) *Outcome {
	return &Outcome{EventID: event.ID, State: "retry", Reason: reason, Cause: cause}
}

// Later: nothing is wrong, call again then. That uses up no try.
func Later(event Event, until time.Time) *Outcome {
	wait := max(0, time.Until(until).Milliseconds()+1)
	return &Outcome{EventID: event.ID, State: "later", Until: &until, InMS: &wait}
}

// Dead: it can't succeed, it becomes a dead letter.
func Dead(event Event, reason, cause string) *Outcome {
	return &Outcome{EventID: event.ID, State: "dead", Reason: reason, Cause: cause}
}

// Answer is what an activity returns. Events that are not listed are done.
type Answer struct {
	Done     int       `json:"done"`
	Open     []Outcome `json:"open"`
	PutOffMS int64     `json:"put_off_ms,omitempty"`
}

// RetryPolicy says how often and how fast an event is tried again. 0 attempts: without end.
type RetryPolicy struct {
	Attempts  int     `json:"attempts"`
	InitialMS int     `json:"initial_ms"`
	MaxMS     int     `json:"max_ms"`
	Backoff   float64 `json:"backoff"`
}

// Registration is the argument of knockon.register_subscriber. What is not set has its default.
type Registration struct {
	Name        string       `json:"name"`
	EventTypes  []string     `json:"event_types"`
	Description string       `json:"description,omitempty"`
	Batch       int          `json:"batch,omitempty"`
	TimeoutMS   int          `json:"timeout_ms,omitempty"`
	Retry       *RetryPolicy `json:"retry,omitempty"`
	Again       string       `json:"again,omitempty"`
}

// Subscriber is what is registered, and the code that does a call's work. It returns what is not
// done.
type Subscriber struct {
	Registration
	Handle func(ctx context.Context, work *Work) ([]Outcome, error)
}

// Work is the events of one call, in a transaction that holds their receipts too.
type Work struct {
	Tx     pgx.Tx
	Events []Event
	call   string
}

// Complete writes the receipts of all events that are not in open. It returns those that are to be
// done now: another worker may have done some of them.
func (w *Work) Complete(ctx context.Context, open []Outcome) ([]Event, error) {
	left := map[string]bool{}
	for _, outcome := range open {
		left[outcome.EventID] = true
	}
	ids := []string{}
	for _, event := range w.Events {
		if !left[event.ID] {
			ids = append(ids, event.ID)
		}
	}
	rows, err := w.Tx.Query(ctx, "select knockon.complete($1::jsonb, $2::uuid[])::text", w.call, ids)
	if err != nil {
		return nil, err
	}
	completed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	mine := map[string]bool{}
	for _, id := range completed {
		mine[id] = true
	}
	todo := []Event{}
	for _, event := range w.Events {
		if mine[event.ID] {
			todo = append(todo, event)
		}
	}
	return todo, err
}

// Run registers the subscriber and takes its calls, until it is interrupted.
func (s Subscriber) Run(
	ctx context.Context, pool *pgxpool.Pool, temporal client.Client, interrupted <-chan any,
) error {
	registration, err := json.Marshal(s.Registration)
	if err != nil {
		return err
	}
	var place struct {
		TaskQueue string `json:"task_queue"`
		Activity  string `json:"activity"`
	}
	err = pool.QueryRow(ctx, "select knockon.register_subscriber($1::jsonb)", string(registration)).
		Scan(&place)
	if err != nil {
		return err
	}
	calls := &calls{handle: s.Handle, pool: pool, temporal: temporal}
	w := worker.New(temporal, place.TaskQueue, worker.Options{
		MaxConcurrentActivityExecutionSize: 8,
		MaxHeartbeatThrottleInterval:       heartbeat,
		DefaultHeartbeatThrottleInterval:   heartbeat,
		DisableWorkflowWorker:              true,
		WorkerStopTimeout:                  10 * time.Second,
	})
	w.RegisterActivityWithOptions(calls.call, activity.RegisterOptions{Name: place.Activity})
	if err := w.Start(); err != nil {
		return err
	}
	fmt.Printf("%s takes its calls from %s\n", s.Name, place.TaskQueue)
	<-interrupted
	w.Stop()
	return nil
}
