module knockon.example/http-subscriber

go 1.23.0
