package token

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

const (
	// provenSets times provenWays tokens are remembered, in half a megabyte: some more than can be issued
	// in the seconds between the moment at which an audience gets its tokens and that at which it uses them.
	provenSets = 4096
	provenWays = 4
)

// proven remembers tokens whose signature by the server's key is known to be true, because this process made
// it or has checked it: a check takes a third of a millisecond, and is the larger part of what a join costs. A token is
// remembered by the hash of its whole text, signature included; what it says is read and judged every time. The
// oldest of a set make room for new ones.
type proven struct {
	mu   sync.Mutex // held for some tens of nanoseconds
	sets [provenSets]struct {
		hashes [provenWays][sha256.Size]byte
		next   uint8
	}
}

// has tells whether the token's signature is known to be true.
func (p *proven) has(raw string) bool {
	hash := sha256.Sum256([]byte(raw))
	p.mu.Lock()
	defer p.mu.Unlock()
	set := &p.sets[setOf(hash)]
	for i := range set.hashes {
		if set.hashes[i] == hash {
			return true
		}
	}
	return false
}

// put remembers a token whose signature is true.
func (p *proven) put(raw string) {
	hash := sha256.Sum256([]byte(raw))
	p.mu.Lock()
	defer p.mu.Unlock()
	set := &p.sets[setOf(hash)]
	for i := range set.hashes {
		if set.hashes[i] == hash {
			return
		}
	}
	set.hashes[set.next%provenWays] = hash
	set.next++
}

func setOf(hash [sha256.Size]byte) uint16 { return binary.BigEndian.Uint16(hash[:]) % provenSets }
