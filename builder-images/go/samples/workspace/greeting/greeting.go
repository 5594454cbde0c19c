// Package greeting is a module of its own in the same workspace.
package greeting

// Text greets.
func Text() string { return "hello from the workspace" }
