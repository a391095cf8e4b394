package load

import "testing"

func TestFloor_CountsOnlyWhatItSent(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two seconds of a core")
	}
	f, err := measureFloor(t.Context(), nil, 1200, 10)
	if err != nil {
		t.Fatal(err)
	}
	if f.Size != 1200 || f.Destinations != 10 || f.Packets < 1000 || f.PerMillion < 0.1 || f.PerMillion > 1000 {
		t.Errorf("implausible: %+v", f)
	}
	if f.DeliveredShare <= 0 || f.DeliveredShare > 1 {
		t.Errorf("%v of the packets were delivered", f.DeliveredShare)
	}
}
