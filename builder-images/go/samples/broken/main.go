// A program that does not compile: the build must fail and name this file and line.
package main

func main() {
	undefinedOnPurpose()
}
