-- The application's own tables. Knock-on's are in the schema `knockon` beside them.
create table if not exists invoices (
  id text primary key,
  customer text not null,
  amount_cents bigint not null,
  paid_at timestamptz
);

create table if not exists receipts_to_send (
  invoice_id text primary key,
  number bigint generated always as identity,
  customer text not null
);
