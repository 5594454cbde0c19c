// A program without a module: prints its arguments, one a line, and exits with the status that
// its first argument names: `exit=3` gives 3.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

func main() {
	for _, argument := range os.Args[1:] {
		fmt.Println(argument)
	}
	os.Exit(status(os.Args[1:]))
}

func status(arguments []string) int {
	if len(arguments) == 0 {
		return 0
	}
	number, isStatus := strings.CutPrefix(arguments[0], "exit=")
	if !isStatus {
		return 0
	}
	code, err := strconv.Atoi(number)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return code
}
