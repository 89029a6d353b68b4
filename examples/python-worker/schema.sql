create table accounts (customer text primary key);
create table ledger (
  booked_by text not null,
  event_id uuid not null,
  invoice_id text not null,
  amount_cents int not null,
  booked_at timestamptz not null default clock_timestamp()
);
