// Package api speaks the AWS protocol and translates between its shapes and live's words.
//
// New makes one http.Handler. Each call walks the list in chain.go; the end of it is a method of service,
// which translates the input, makes one call into the control plane, and translates back. Goroutines are
// those of net/http: the package starts none. Deliberately not here: decisions (they are control's), the
// rest-json rules (wire), the contract (wire/realtime), and listening (node).
package api
