// A program below cmd/ with its dependency vendored, so that it builds without a network: prints
// the UUID (version 5) of its arguments, joined by spaces.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/google/uuid"
)

func main() {
	name := strings.Join(os.Args[1:], " ")
	fmt.Println(uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)))
}
