module knockon.example/pay-invoices

go 1.23

require github.com/jackc/pgx/v5 v5.7.6
