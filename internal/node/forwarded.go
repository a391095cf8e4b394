package node

import (
	"iter"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds the walk through a header that a client may have filled.
const maxHops = 16

// backwards steps through lists of words with commas between, from the last word of the last list on.
func backwards(lists []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		hops := 0
		for _, list := range slices.Backward(lists) {
			for more := true; more; hops++ {
				var word string
				if i := strings.LastIndexByte(list, ','); i >= 0 {
					list, word = list[:i], list[i+1:]
				} else {
					word, more = list, false
				}
				if hops == maxHops || !yield(strings.TrimSpace(word)) {
					return
				}
			}
		}
	}
}

// parseHop reads an address of X-Forwarded-For, which some proxies write with a port.
func parseHop(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	ap, err := netip.ParseAddrPort(s)
	return ap.Addr().Unmap().WithZone(""), err == nil
}
