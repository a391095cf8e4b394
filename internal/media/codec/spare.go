package codec

import "strings"

// SpareReader says of a payload whether it is part of a frame that no other depends on, so that it may be left out.
type SpareReader func(payload []byte) bool

// SpareOf returns the reader for the codec with the name of an rtpmap, nil where that can't be told of a packet alone, or
// where leaving frames out takes more than that: VP8, VP9 and AV1 count their pictures, and players wait for each.
func SpareOf(name string) SpareReader {
	if strings.EqualFold(name, "H264") {
		return SpareH264
	}
	return nil
}

// SpareH264 says whether a payload (RFC 6184) is a slice, or a part of one, with a nal_ref_idc of 0 (ITU-T H.264 section
// 7.4.1): the frames of the highest temporal layer, as encoders make them that have several. Such a frame's other
// units, as SEI, are not meant.
func SpareH264(payload []byte) bool {
	if len(payload) < 2 || payload[0]&0xe0 != 0 { // the forbidden bit and nal_ref_idc
		return false
	}
	kind := payload[0] & 0x1f
	if kind == nalFUA {
		kind = payload[1] & 0x1f
	}
	return kind == nalSlice
}
