package sigv4

import (
	"fmt"
	"net/http"
	"time"

	"github.com/proscenium-live/proscenium/internal/wire"
)

// What is wrong with a signature (control-plane.md 1.3). All are made before the service is reached.
var (
	MissingToken       = wire.Exception{Name: "MissingAuthenticationTokenException", Status: http.StatusForbidden, FrontEnd: true}
	Incomplete         = wire.Exception{Name: "IncompleteSignatureException", Status: http.StatusBadRequest, FrontEnd: true}
	UnrecognizedClient = wire.Exception{Name: "UnrecognizedClientException", Status: http.StatusForbidden, FrontEnd: true}
	ExpiredToken       = wire.Exception{Name: "ExpiredTokenException", Status: http.StatusForbidden, FrontEnd: true}
	InvalidSignature   = wire.Exception{Name: "InvalidSignatureException", Status: http.StatusForbidden, FrontEnd: true}
)

func incomplete(format string, args ...any) error {
	return wire.Fault{Exception: Incomplete, Message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return wire.Fault{Exception: InvalidSignature, Message: fmt.Sprintf(format, args...)}
}

func missing() error {
	return wire.Fault{Exception: MissingToken, Message: "Missing Authentication Token"}
}

func unrecognized() error {
	return wire.Fault{Exception: UnrecognizedClient, Message: "The security token included in the request is invalid."}
}

func expiredToken() error {
	return wire.Fault{Exception: ExpiredToken, Message: "The security token included in the request is expired"}
}

func mismatch() error {
	return invalid("The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

func expired(at, now time.Time, window time.Duration) error {
	return invalid("Signature expired: %s is now earlier than %s (%s - %d min.)",
		stamp(at), stamp(now.Add(-window)), stamp(now), int(window.Minutes()))
}

func early(at, now time.Time) error {
	return invalid("Signature not yet current: %s is still later than %s (%s + %d min.)",
		stamp(at), stamp(now.Add(Tolerance)), stamp(now), int(Tolerance.Minutes()))
}
