// Shop prints a greeting of a private module.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"example.org/team/greeting"
)

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, greeting.To("the team"))
	})
	log.Printf("listening on port %s", port)
	log.Fatal(http.ListenAndServe(":"+port, nil))
}
