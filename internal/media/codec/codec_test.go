package codec

import (
	"encoding/hex"
	"testing"
	"time"
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

const spsX264High720p = "6764001facd9405005bb016a02020280000003008000001e478c18cb"

// sizes are parameter sets as x264 writes them.
var sizes = map[string]Size{
	spsX264High720p: {1280, 720},
	"6742c01fd9005005bb0110000003001000000303c0f1832480":     {1280, 720},  // baseline
	"6742c01ed900a02ff970110000030001000003003c0f162e48":     {640, 360},   // baseline, 8 lines cropped
	"67640028acd940780227e5c044000003000400000300f03c60c658": {1920, 1080}, // high, 8 lines cropped
	"6764001facd940d83de6f0110000030001000003003c0f183196":   {854, 480},   // 10 columns cropped
	"67640028acd94078044fde0220000003002000000783e2c5b2c0":   {1920, 1080}, // interlaced
	"67f4001f919b280a00b7f78088000003000800000301e078c18cb0": {1280, 718},  // 4:4:4 with scaling matrices
	"677a000dbcd9415087888fc044000003000400000300f03c50a658": {322, 242},   // 4:2:2
}

func TestParseH264_FindsKeyFramesInEveryPacketization(t *testing.T) {
	sps := unhex(t, spsX264High720p)
	stapA := append([]byte{0x78, 0, byte(len(sps))}, sps...)
	stapA = append(stapA, 0, 2, 0x68, 0xce)
	for name, c := range map[string]struct {
		payload       []byte
		idr, pps, sps bool
	}{
		"single IDR":                {[]byte{0x65, 0x88, 0x84}, true, false, false},
		"single slice":              {[]byte{0x41, 0x9a}, false, false, false},
		"single SPS":                {sps, false, false, true},
		"single PPS":                {[]byte{0x68, 0xce}, false, true, false},
		"STAP-A SPS, PPS":           {stapA, false, true, true},
		"STAP-A SPS, PPS, IDR":      {append(stapA, 0, 3, 0x65, 0x88, 0x84), true, true, true},
		"FU-A first of IDR":         {[]byte{0x7c, 0x85, 0x88}, true, false, false},
		"FU-A later of IDR":         {[]byte{0x7c, 0x05, 0x88}, false, false, false},
		"FU-A first of slice":       {[]byte{0x7c, 0x81, 0x88}, false, false, false},
		"SEI":                       {[]byte{0x06, 0x05, 0x01, 0x00}, false, false, false},
		"empty":                     {nil, false, false, false},
		"forbidden bit":             {[]byte{0xe5, 0x88}, false, false, false},
		"STAP-A, length beyond end": {[]byte{0x78, 0, 9, 0x65, 0x88}, false, false, false},
		"STAP-A, length 0":          {[]byte{0x78, 0, 0, 0, 2, 0x65, 0x88}, false, false, false},
		"STAP-A, half a length":     {[]byte{0x78, 0}, false, false, false},
		"FU-A without header":       {[]byte{0x7c, 0x85}, false, false, false},
		"MTAP, not negotiated":      {[]byte{0x7a, 0x85, 0x88}, false, false, false},
	} {
		got := ParseH264(c.payload)
		if got.IDR != c.idr || got.PPS != c.pps || (got.SPS != nil) != c.sps || got.Key() != (c.idr || c.sps) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestParseH264_ReadsABoundedNumberOfUnits(t *testing.T) {
	payload := []byte{0x78}
	for range maxAggregated {
		payload = append(payload, 0, 1, 0x09)
	}
	if ParseH264(append(payload, 0, 2, 0x65, 0x88)).IDR {
		t.Error("a unit beyond the bound was read")
	}
}

func TestParseSPS_TellsTheSizeOfThePicture(t *testing.T) {
	for s, want := range sizes {
		if got, ok := ParseSPS(unhex(t, s)); !ok || got != want {
			t.Errorf("%s: %v, %v, want %v", s, got, ok, want)
		}
	}
}

func TestParseSPS_RefusesWhatIsOutOfMeasure(t *testing.T) {
	whole := unhex(t, spsX264High720p)
	for n := range 8 {
		if size, ok := ParseSPS(whole[:n]); ok {
			t.Errorf("cut to %d bytes: %v", n, size)
		}
	}
	for name, s := range map[string]string{
		"all zeros":      "67000000000000000000000000",
		"16k x 16k":      "6742001ff80008000400100008",
		"not an SPS":     "6864001facd9405005bb",
		"endless golomb": "6742001f0000030000030000030000030000030000",
	} {
		if size, ok := ParseSPS(unhex(t, s)); ok {
			t.Errorf("%s: %v", name, size)
		}
	}
}

func TestParseOpus_TellsDurationAndSilence(t *testing.T) {
	for _, c := range []struct {
		payload []byte
		want    Opus
	}{
		{[]byte{0x78, 1, 2}, Opus{20 * time.Millisecond, false}},   // hybrid fullband 20 ms
		{[]byte{0x08}, Opus{20 * time.Millisecond, true}},          // SILK 20 ms
		{[]byte{0x19, 1, 2}, Opus{120 * time.Millisecond, false}},  // 2 × SILK 60 ms
		{[]byte{0x83, 48, 2}, Opus{120 * time.Millisecond, false}}, // 48 × CELT 2.5 ms
		{[]byte{0x70, 1, 2}, Opus{10 * time.Millisecond, false}},   // hybrid fullband 10 ms
		{[]byte{0xe9, 1, 2}, Opus{10 * time.Millisecond, false}},   // 2 × CELT fullband 5 ms
		{[]byte{0x1b, 63, 2}, Opus{}},                              // 63 × 60 ms
		{[]byte{0x83}, Opus{}},
		{nil, Opus{}},
	} {
		if got := ParseOpus(c.payload); got != c.want {
			t.Errorf("%x: %v, want %v", c.payload, got, c.want)
		}
	}
}

// security.md row 31.
func FuzzParseH264(f *testing.F) {
	for _, s := range []string{
		"658884", "7c8588", "7c0588", "78000365888400026803", "780000", "78ffff67", "67", spsX264High720p,
		"78001c" + spsX264High720p + "000268ce",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		says := ParseH264(payload)
		if len(says.SPS) > len(payload) {
			t.Fatal("a parameter set longer than its payload")
		}
		size, ok := ParseSPS(says.SPS)
		if ok && (size.Width == 0 || size.Height == 0 || size.Width > maxSide || size.Height > maxSide) {
			t.Fatalf("accepted %v", size)
		}
	})
}

// security.md row 31.
func FuzzParseSPS(f *testing.F) {
	for s := range sizes {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, sps []byte) {
		size, ok := ParseSPS(sps)
		if ok && (size.Width == 0 || size.Height == 0 || size.Width > maxSide || size.Height > maxSide) {
			t.Fatalf("accepted %v", size)
		}
	})
}

func FuzzParseOpus(f *testing.F) {
	f.Add([]byte{0x83, 48})
	f.Add([]byte{0x78, 1, 2})
	f.Fuzz(func(t *testing.T, payload []byte) {
		if d := ParseOpus(payload).Duration; d < 0 || d > maxOpus {
			t.Fatalf("lasts %v", d)
		}
	})
}

func TestCodec_AllocatesNothing(t *testing.T) {
	sps := unhex(t, spsX264High720p)
	if n := testing.AllocsPerRun(100, func() {
		ParseSPS(ParseH264(sps).SPS)
		ParseOpus(sps)
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkParseH264(b *testing.B) {
	payload := []byte{0x7c, 0x81, 0x88, 0x84}
	for b.Loop() {
		ParseH264(payload)
	}
}
