module example.com/modules

go 1.24.0

require (
	github.com/go-chi/chi/v5 v5.2.3
	golang.org/x/text v0.30.0
)
