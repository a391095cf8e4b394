package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag"
	maxHops      = 5         // redirects of one request
	maxAnswer    = 256 << 10 // bytes of an answer
	maxProblem   = 16 << 10  // bytes of an error's body
)

// exchangeClient returns a client that leaves redirects to us: the token goes along (media-features 6.1), which
// net/http would take off between hosts.
func exchangeClient(base *http.Client) *http.Client {
	c := &http.Client{Timeout: 15 * time.Second}
	if base == nil {
		c.Transport = http.DefaultTransport.(*http.Transport).Clone()
	} else {
		*c = *base
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// created is the answer to a WHIP or WHEP offer.
type created struct {
	answer   string
	location *url.URL
	etag     string
}

// Exchanger makes WHIP and WHEP requests for a token: for those who bring their own transport.
type Exchanger struct {
	Token string
	HTTP  *http.Client // nil: a client of its own
}

// Offer posts an SDP offer and returns the answer and the address of the session made. It returns a
// *MediaError if the server refuses.
func (e Exchanger) Offer(ctx context.Context, to, offer string) (answer, location string, err error) {
	c, err := offerTo(ctx, exchangeClient(e.HTTP), e.Token, to, offer)
	if err != nil {
		return "", "", err
	}
	return c.answer, c.location.String(), nil
}

// Delete ends a session. A session that is over already is no error.
func (e Exchanger) Delete(ctx context.Context, location string) error {
	return deleteAt(ctx, exchangeClient(e.HTTP), e.Token, location)
}

func offerTo(ctx context.Context, h *http.Client, token, to, offer string) (created, error) {
	var c created
	err := request(ctx, h, token, http.MethodPost, to, typeSDP, offer, nil, func(res *http.Response, at *url.URL) (err error) {
		c, err = readCreated(res, at)
		return err
	})
	return c, err
}

func readCreated(res *http.Response, at *url.URL) (created, error) {
	if res.StatusCode != http.StatusCreated {
		return created{}, refusal(res)
	}
	if t, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); t != typeSDP {
		return created{}, fmt.Errorf("answer to the offer is of type %q, not %s", t, typeSDP)
	}
	location, err := at.Parse(res.Header.Get("Location"))
	if err != nil || res.Header.Get("Location") == "" {
		return created{}, errors.New("answer to the offer has no usable Location")
	}
	body, err := readAll(res.Body, maxAnswer)
	if err != nil {
		return created{}, fmt.Errorf("read answer: %w", err)
	}
	return created{answer: body, location: location, etag: res.Header.Get("Etag")}, nil
}

func deleteAt(ctx context.Context, h *http.Client, token, location string) error {
	return request(ctx, h, token, http.MethodDelete, location, "", "", nil, func(res *http.Response, _ *url.URL) error {
		if res.StatusCode/100 == 2 || res.StatusCode == http.StatusNotFound {
			return nil
		}
		return refusal(res)
	})
}

// patchAt sends an ICE fragment and returns the answer's fragment, "" if there is none (RFC 9725 section 4.3).
func patchAt(ctx context.Context, h *http.Client, token, location, etag, fragment string) (answer, newTag string, err error) {
	header := http.Header{}
	if etag != "" {
		header.Set("If-Match", etag)
	}
	err = request(ctx, h, token, http.MethodPatch, location, typeFragment, fragment, header, func(res *http.Response, _ *url.URL) error {
		if res.StatusCode/100 != 2 {
			return refusal(res)
		}
		body, err := readAll(res.Body, maxAnswer)
		if err != nil {
			return fmt.Errorf("read fragment: %w", err)
		}
		answer, newTag = body, res.Header.Get("Etag")
		return nil
	})
	return answer, newTag, err
}

// request sends a request with the token, and again to where a redirect points. take gets the answer and the
// address that gave it; its error is returned.
func request(ctx context.Context, h *http.Client, token, method, to, contentType, body string, more http.Header,
	take func(*http.Response, *url.URL) error,
) error {
	at, err := checkURL("address", to, "http", "https")
	if err != nil {
		return err
	}
	for range maxHops {
		req, err := http.NewRequestWithContext(ctx, method, at.String(), strings.NewReader(body))
		if err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		for k, v := range more {
			req.Header[k] = v
		}
		req.Header.Set("Authorization", "Bearer "+token)
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		next, err := exchangeOnce(h, req, take)
		if err != nil || next == nil {
			return err
		}
		if at.Scheme == "https" && next.Scheme != "https" {
			return errors.New("redirect from https to http refused: it would show the token")
		}
		at = next
	}
	return fmt.Errorf("more than %d redirects", maxHops)
}

// exchangeOnce sends one request. It returns where a redirect points, or nil when take has had the answer.
func exchangeOnce(h *http.Client, req *http.Request, take func(*http.Response, *url.URL) error) (*url.URL, error) {
	res, err := h.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", req.Method, err)
	}
	defer func() {
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxProblem)) // so that the connection can serve again
		_ = res.Body.Close()
	}()
	next, moved := redirect(res)
	switch {
	case !moved:
		return nil, take(res, req.URL)
	case next == nil:
		return nil, errors.New("redirect without a usable Location")
	}
	return next, nil
}

func redirect(res *http.Response) (next *url.URL, moved bool) {
	switch res.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		next, err := res.Location()
		if err != nil || (next.Scheme != "http" && next.Scheme != "https") {
			return nil, true
		}
		return next, true
	}
	return nil, false
}

func refusal(res *http.Response) error {
	e := &MediaError{Status: res.StatusCode, Detail: res.Status}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(min(s, 3600)) * time.Second
	}
	body, err := readAll(res.Body, maxProblem)
	if err != nil {
		return e
	}
	var problem struct{ Code, Detail string }
	if json.Unmarshal([]byte(body), &problem) == nil {
		e.Code = problem.Code
		if problem.Detail != "" {
			e.Detail = problem.Detail
		}
	}
	return e
}

func readAll(r io.Reader, limit int64) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return "", err
	}
	if int64(len(b)) > limit {
		return "", fmt.Errorf("longer than %d bytes", limit)
	}
	return string(b), nil
}
