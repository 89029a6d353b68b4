CREATE TABLE "queue_turns" (
	"task_queue" text PRIMARY KEY NOT NULL,
	"reserved_until" timestamp with time zone NOT NULL
);
