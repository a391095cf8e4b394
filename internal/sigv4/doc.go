// Package sigv4 verifies and makes AWS Signature Version 4 signatures, in the header and the query form.
//
// It follows the rules of all services but S3: the path is percent-encoded once more, and the hash of the
// body that really came is what counts, whatever X-Amz-Content-Sha256 says. It starts no goroutine and keeps
// no state. Deliberately not here: whose key it is and what it may do (Keys is all it knows), reading the
// body, SigV4a, and the signing of chunks and trailers, which no client of this API uses.
package sigv4
