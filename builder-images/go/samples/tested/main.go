// Tested is built when its tests pass.
package main

import "fmt"

func main() {
	fmt.Println(text())
}

func text() string { return "hello, tested" }
