CREATE TABLE "samples" (
	"every" integer NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"subscriber" text NOT NULL,
	"looks" integer NOT NULL,
	"rate" double precision NOT NULL,
	"error_rate" double precision NOT NULL,
	"backlog" integer NOT NULL,
	"backlog_age_seconds" double precision NOT NULL,
	"dead_letters" integer NOT NULL,
	CONSTRAINT "samples_every_at_subscriber_pk" PRIMARY KEY("every","at","subscriber")
);
