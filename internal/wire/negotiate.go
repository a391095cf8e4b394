package wire

import (
	"mime"
	"strings"
)

const mediaType = "application/json"

// CheckContentType returns an UnsupportedMediaTypeException unless a body of this type can be JSON. No type
// at all is taken for JSON.
func CheckContentType(header string) error {
	if header == "" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(header)
	charset, given := params["charset"]
	if err != nil || kind != mediaType || given && !strings.EqualFold(charset, "utf-8") {
		return Fault{UnsupportedMediaType, "The content type of the request must be application/json."}
	}
	return nil
}

// CheckAccept returns a NotAcceptableException if none of the Accept headers lets the answer be JSON
// (RFC 9110 section 12.5.1).
func CheckAccept(headers []string) error {
	if len(headers) == 0 {
		return nil
	}
	best, allowed := -1, true
	for _, r := range strings.Split(strings.Join(headers, ","), ",") {
		kind, params, err := mime.ParseMediaType(strings.TrimSpace(r))
		if err != nil {
			continue
		}
		// the most specific range decides
		if s := specificity(kind); s > best {
			best, allowed = s, !isZero(params["q"])
		}
	}
	if allowed && (best >= 0 || strings.TrimSpace(strings.Join(headers, "")) == "") {
		return nil
	}
	return Fault{NotAcceptable, "The answer can only be application/json."}
}

func specificity(kind string) int {
	switch kind {
	case "*/*":
		return 0
	case "application/*":
		return 1
	case mediaType:
		return 2
	default:
		return -1
	}
}

func isZero(q string) bool { return q != "" && strings.Trim(q, "0.") == "" }
