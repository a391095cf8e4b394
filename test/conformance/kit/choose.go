package kit

import (
	"context"
	"fmt"
	"slices"
)

// Open starts a client by the name that the page has for it. folder is test/conformance.
func Open(ctx context.Context, target Target, contracts map[string]*Contract, folder, name string) (Client, error) {
	switch name {
	case "raw":
		return NewRaw(target, contracts), nil
	case "Go SDK v2":
		return NewGoSDK(target), nil
	default:
		return StartDriver(ctx, target, folder, name)
	}
}

// Chosen returns the suites of the names, all if there are none.
func Chosen(names []string) ([]Suite, error) {
	all, err := Suites()
	if err != nil || len(names) == 0 {
		return all, err
	}
	var chosen []Suite
	for _, s := range all {
		if slices.Contains(names, s.Name) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) != len(names) {
		return nil, fmt.Errorf("not all of %v are suites", names)
	}
	return chosen, nil
}

// For returns the suites that a client is given: cases derived from the contract go to the raw client only, whose
// requests are what they say.
func For(client string, suites []Suite) []Suite {
	if client == "raw" {
		return suites
	}
	return slices.DeleteFunc(slices.Clone(suites), Suite.Derived)
}
