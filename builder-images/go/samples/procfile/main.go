// Site is started by the Procfile, with arguments.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	greeting := flag.String("greeting", "hello", "the greeting")
	once := flag.Bool("once", false, "print it and end")
	flag.Parse()
	if *once {
		fmt.Println(*greeting)
		return
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, *greeting)
	})
	log.Printf("listening on port %s", port)
	log.Fatal(http.ListenAndServe(":"+port, nil))
}
