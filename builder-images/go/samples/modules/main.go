// A web server with dependencies that are downloaded when it is built: its page answers a greeting
// in the language of the request, "hello from s2i" for English and "hallo von s2i" for German.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

const greeting = "hello from s2i"

func main() {
	if err := message.SetString(language.German, greeting, "hallo von s2i"); err != nil {
		log.Fatal(err)
	}
	if err := message.SetString(language.English, greeting, greeting); err != nil {
		log.Fatal(err)
	}
	languages := language.NewMatcher([]language.Tag{language.English, language.German})

	router := chi.NewRouter()
	router.Use(middleware.Recoverer)
	router.Get("/", func(w http.ResponseWriter, r *http.Request) {
		tag, _ := language.MatchStrings(languages, r.Header.Get("Accept-Language"))
		message.NewPrinter(tag).Fprintf(w, greeting)
	})

	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	log.Printf("listening on port %s", port)
	log.Fatal(http.ListenAndServe(":"+port, router))
}
