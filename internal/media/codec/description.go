package codec

import "strings"

// Description is what a payload says of itself, in words that hold for every codec.
type Description struct {
	// Key says that a decoder may begin with the frame that the packet is a part of.
	Key bool
	// Whole says that a decoder which begins with that frame needs nothing from before this packet: it holds the
	// parameter sets, or the codec has none and the frame begins here.
	Whole bool
	// Backward says that a picture begins here that may be predicted from one shown after it (a B slice).
	Backward bool
	// Temporal is the temporal layer, 0 for the base or where the codec doesn't say.
	Temporal uint8
	// Size is that of the pictures from here on; zero where nothing is said of it.
	Size Size
}

// Reader reads the payload of an RTP packet. It keeps nothing, allocates nothing, and says nothing of what is malformed.
type Reader func(payload []byte) Description

// ReaderOf returns the reader of the codec with the name of an rtpmap, or one that finds nothing.
func ReaderOf(name string) Reader {
	for _, v := range videos {
		if strings.EqualFold(v.name, name) {
			return v.read
		}
	}
	return func([]byte) Description { return Description{} }
}

// videos are the codecs of pictures that can be forwarded.
var videos = []struct {
	name string
	read Reader
}{
	{"H264", DescribeH264},
	{"VP8", DescribeVP8},
	{"VP9", DescribeVP9},
	{"AV1", DescribeAV1},
	{"H265", DescribeH265},
}
