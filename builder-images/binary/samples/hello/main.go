// A program to be packed: `GET /hello` answers "world". Built for a processor with
//
//	CGO_ENABLED=0 GOARCH=arm64 go build -o bin/linux_arm64/hello main.go
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	http.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "world")
	})
	http.HandleFunc("/arguments", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%q", os.Args[1:])
	})
	log.Fatal(http.ListenAndServe(":"+port, nil))
}
