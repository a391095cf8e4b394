package codec

import "testing"

func TestSpareH264(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload []byte
		want    bool
	}{
		{"a slice that others need", []byte{0x41, 0x9a}, false},
		{"a slice that nobody needs", []byte{0x01, 0x9a}, true},
		{"a fragment of one", []byte{0x1c, 0x81, 0x9a}, true},
		{"its middle", []byte{0x1c, 0x01, 0x9a}, true},
		{"a fragment of a slice that others need", []byte{0x5c, 0x81, 0x9a}, false},
		{"a key frame's fragment", []byte{0x7c, 0x85, 0x88}, false},
		{"SEI, which has no reference either", []byte{0x06, 5, 17}, false},
		{"an access unit delimiter", []byte{0x09, 0xf0}, false},
		{"an aggregation", []byte{0x18, 0, 2, 1, 0x9a}, false},
		{"a forbidden bit", []byte{0x81, 0x9a}, false},
		{"one byte", []byte{0x01}, false},
		{"nothing", nil, false},
	} {
		if got := SpareOf("h264")(c.payload); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if SpareOf("VP8") != nil || SpareOf("") != nil {
		t.Error("another codec has spare frames")
	}
}
