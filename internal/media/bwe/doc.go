// Package bwe estimates what a viewer's line bears, from what the far end says of the packets that were sent.
//
// A Link is the line of one participant and has one budget, however many peer connections share it. Each of them
// is a Path: it remembers what it sent, reads the far end's transport-wide feedback, and watches two things, how the
// delay grows (a trend line over groups of packets, as Google congestion control does, RFC draft
// ietf-rmcat-gcc-02) and how fast packets come out while a queue stands. The Link cuts its estimate to that
// speed when the delay of any path grows, lets it grow again while none does, bounds it by loss, and tries a higher
// one by probes when someone has a use for it. Without transport-wide feedback it heeds REMB, and without that
// the loss in receiver reports.
//
// A Link knows no bound until its line shows one (unless Options.Start says otherwise): a viewer on a good line is
// never held back by an estimate that had no time to grow.
//
// The package starts no goroutine and asks no clock: time comes in as an argument. Nothing on the way of a packet
// allocates, but for the history of a path, which is made with its first packet and grows with its rate.
//
// Locks: a Path has none, its owner calls it under a lock of its own. A Link has one, which is taken last: a Path
// takes it while its owner's is held, and nothing foreign is called under it.
//
// Deliberately not here: what to do with the budget (media/layer, host), and how packets are sent (rtc).
package bwe
