-- What the effect writes. Its worker runs this at each start, as one transaction.

-- Several start at once, and `if not exists` alone lets two of them create the same table.
select pg_advisory_xact_lock(hashtext('transcript_lines'));

create table if not exists transcript_lines (
  channel_id uuid not null,
  -- From 1 without gaps, in the order in which things happened in the channel.
  line bigint not null,
  message_id uuid not null,
  said_at timestamptz not null,
  author text not null,
  -- '' for good once the message was deleted.
  text text not null,
  kind text not null check (kind in ('said', 'corrected', 'withdrew')),
  primary key (channel_id, line)
);
create index if not exists transcript_lines_message on transcript_lines (message_id);
