// Migrate is a second program in the same image.
package main

import "fmt"

func main() {
	fmt.Println("migrated")
}
