// Package greeting is found by the path of the program.
package greeting

// Text greets.
func Text() string { return "hello from GOPATH" }
