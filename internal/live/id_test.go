package live

import (
	"regexp"
	"strings"
	"testing"
)

func TestNewIDs_HaveTheirForm(t *testing.T) {
	for range 1000 {
		for name, c := range map[string]struct{ id, form string }{
			"stage":       {string(NewStageID()), `^[A-Za-z0-9]{12}$`},
			"session":     {string(NewSessionID()), `^st-[A-Za-z0-9]{13}$`},
			"participant": {string(NewParticipantID()), `^[A-Za-z0-9]{12}$`},
			"node":        {string(NewNodeID()), `^[A-Za-z0-9]{12}$`},
		} {
			if !regexp.MustCompile(c.form).MatchString(c.id) {
				t.Fatalf("%s id %q is not of the form %s", name, c.id, c.form)
			}
		}
	}
}

func TestNewIDs_DoNotRepeatAndFavourNoLetter(t *testing.T) {
	const n = 20_000
	seen := map[StageID]bool{}
	count := map[rune]int{}
	for range n {
		id := NewStageID()
		if seen[id] {
			t.Fatalf("%s was made twice", id)
		}
		seen[id] = true
		for _, r := range id {
			count[r]++
		}
	}
	mean := n * 12 / len(alphabet)
	for _, r := range alphabet {
		if c := count[r]; c < mean*8/10 || c > mean*12/10 { // 12 standard deviations
			t.Errorf("%q came %d times, expected about %d", r, c, mean)
		}
	}
}

func TestParticipantID_ValidIsWhatATokenCanGive(t *testing.T) {
	for id, want := range map[string]bool{
		"1tFZIqK6yKYz": true, "a": true, "-_-": true, strings.Repeat("a", 64): true,
		"": false, strings.Repeat("a", 65): false, "a b": false, "../x": false, "a\x00": false, "ä": false, "a.b": false,
	} {
		if got := ParticipantID(id).Valid(); got != want {
			t.Errorf("Valid of %q is %v", id, got)
		}
	}
}

func TestParseARN_ReadsWhatStringWrites(t *testing.T) {
	want := ARN{Region: "us-east-1", Account: "123456789012", Type: TypeStage, ID: "VSWjvX5XOkU3"}
	if s := want.String(); s != "arn:aws:ivs:us-east-1:123456789012:stage/VSWjvX5XOkU3" {
		t.Fatalf("written as %s", s)
	}
	if got, err := ParseARN(want.String()); err != nil || got != want {
		t.Fatalf("read as %+v, %v", got, err)
	}
}

// Security row 5: whatever is not exactly an ARN is refused, and the answer stays small.
func TestParseARN_Row5_RefusesWhatIsNot(t *testing.T) {
	good := "arn:aws:ivs:us-east-1:123456789012:stage/VSWjvX5XOkU3"
	for _, text := range []string{
		"", "stage", "arn:aws:ivs", "arn:aws:ivs:::", "arn:aws:ivs:us-east-1:123456789012:stage",
		"arn:aws:ivs:us-east-1:123456789012:stage/", "arn:aws:ivs:us-east-1::stage/a", "arn:aws:ivs::1:stage/a",
		"arn:aws:s3:us-east-1:123456789012:stage/VSWjvX5XOkU3", "arn:aws-cn:ivs:us-east-1:1:stage/a",
		"ARN:aws:ivs:us-east-1:123456789012:stage/VSWjvX5XOkU3",
		"arn:aws:ivs:us-east-1:123456789012:stage/../secret", "arn:aws:ivs:us-east-1:123456789012:../stage/a",
		"arn:aws:ivs:us-east-1:12345678901x:stage/a", "arn:aws:ivs:US:1:stage/a", "arn:aws:ivs:us-east-1:1:Stage/a",
		good + "\x00", good + "/x", good + ":x", good + " ", " " + good, good + "\n", good + strings.Repeat("a", 10_000),
	} {
		arn, err := ParseARN(text)
		if err == nil {
			t.Errorf("%q was read as %+v", text, arn)
			continue
		}
		if KindOf(err) != Invalid || len(err.Error()) > 700 {
			t.Errorf("%.80q was refused with kind %d and %d bytes", text, KindOf(err), len(err.Error()))
		}
	}
}

func FuzzParseARN(f *testing.F) {
	f.Add("arn:aws:ivs:us-east-1:123456789012:stage/VSWjvX5XOkU3")
	f.Add("arn:aws:ivs:eu-central-1:000000000000:public-key/a")
	f.Add("arn:aws:ivs:us-east-1:1:stage/../x")
	f.Add("arn:aws:ivs::::")
	f.Fuzz(func(t *testing.T, text string) {
		arn, err := ParseARN(text)
		if err != nil {
			return
		}
		if arn.String() != text {
			t.Fatalf("%q was read as %+v, which is %q", text, arn, arn)
		}
		if strings.ContainsAny(arn.ID, "./\\%:\x00") || arn.ID == "" {
			t.Fatalf("id %q", arn.ID)
		}
	})
}

// Security row 5: the answer to a foreign ARN depends on its text alone.
func TestHome_Row5_AnswersForeignARNs(t *testing.T) {
	home := Home{Region: "us-east-1", Account: "000000000000"}
	for text, want := range map[string]Kind{
		"arn:aws:ivs:us-east-1:000000000001:stage/a":      Denied,
		"arn:aws:ivs:eu-west-1:000000000001:stage/a":      Denied,
		"arn:aws:ivs:eu-west-1:000000000000:stage/a":      NotFound,
		"arn:aws:ivs:us-east-1:000000000000:channel/a":    Invalid,
		"arn:aws:ivs:us-east-1:000000000001:public-key/a": Invalid,
	} {
		arn, err := ParseARN(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := home.Check(arn, TypeStage); err == nil || KindOf(err) != want {
			t.Errorf("%s: got %v, expected kind %d", text, err, want)
		}
	}
	if err := home.Check(home.ARN(TypeStage, "a"), TypeChannel, TypeStage); err != nil {
		t.Errorf("own stage: %v", err)
	}
}
