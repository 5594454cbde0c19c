package main

import "testing"

func TestText(t *testing.T) {
	if text() != "hello, tested" {
		t.Fatalf("%q", text())
	}
}
