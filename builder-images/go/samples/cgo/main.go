// Cgo needs a C compiler, which the image does not have.
package main

// int answer(void) { return 42; }
import "C"

import "fmt"

func main() {
	fmt.Println(C.answer())
}
