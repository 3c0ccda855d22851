// Command api-load is the clients of API servers in tests and benches, and what these are compared with.
//
//	api-load clients OPTIONS    new connections at a rate or one after the other, and watches; see Options
//	api-load relay OPTIONS      a proxy that does what k0s's does; see RelayOptions
//
// Options are one argument in JSON. Each ends when its standard input does.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: api-load clients|relay OPTIONS"))
	}
	run, known := map[string]func(options []byte) error{"clients": clients, "relay": relay}[os.Args[1]]
	if !known {
		fail(fmt.Errorf("there is no %s: clients or relay", os.Args[1]))
	}
	if err := run([]byte(os.Args[2])); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "api-load:", err)
	os.Exit(1)
}

// say writes a line of JSON to standard output. Only one goroutine calls it.
func say(message any) {
	if err := json.NewEncoder(os.Stdout).Encode(message); err != nil {
		os.Exit(1) // nobody reads any more
	}
}
