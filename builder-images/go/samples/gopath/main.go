// Legacy has no go.mod; its import comment has its import path.
package main // import "example.org/legacy"

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"example.org/legacy/greeting"
)

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, greeting.Text())
	})
	log.Printf("listening on port %s", port)
	log.Fatal(http.ListenAndServe(":"+port, nil))
}
