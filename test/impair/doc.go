// Package impair is a bad network in a process: a relay between UDP sockets that loses, delays, reorders,
// duplicates and queues what passes, each direction by its own conditions.
//
// A Relay stands for one access line. Whoever sends to its address gets a flow: a socket of its own towards the
// server, so that the server sees each client at an address of its own; all flows share the line. Clients come
// to the relay because the server tells its address (--media-address), or because the relay's RoundTripper
// rewrites the answers they get:
//
//	relay, err := impair.Open(impair.Options{
//		Server: media, // the server's own media address
//		Seed:   1,
//		Up:     impair.Conditions{Delay: 50 * time.Millisecond, Loss: 0.05},
//		Down:   impair.Conditions{Delay: 50 * time.Millisecond, Loss: 0.05, Rate: 3_000_000},
//	})
//	go relay.Run(ctx)
//	client.Options{HTTP: &http.Client{Transport: relay.RoundTripper(nil)}}
//
// What happens to a packet is drawn from generators that are seeded, one for each direction, in the order of
// arrival: the same packets in the same order meet the same fate. Their arrival times are the machine's.
//
// Run owns all goroutines: one reads the clients' side, one each flow's, one keeps the time. TCP is not here,
// nor are lines that differ between the flows of one relay: open a relay for each.
package impair
