package host

import "github.com/proscenium-live/proscenium/internal/live"

// Platform is the kind of program a participant uses: CloudWatch's dimension of this name, with few values.
type Platform uint8

// The platforms.
const (
	OtherPlatform Platform = iota // encoders, bots, and what does not say
	Web
	Android
	IOS
	platforms = iota
)

// Platforms lists all of them.
func Platforms() [platforms]Platform { return [...]Platform{OtherPlatform, Web, Android, IOS} }

// String returns the platform in lower case.
func (p Platform) String() string {
	return [...]string{OtherPlatform: "other", Web: "web", Android: "android", IOS: "ios"}[p]
}

// platformOf reads what a program says of itself: a browser is the web, whatever it runs on.
func platformOf(c live.Client) Platform {
	switch {
	case c.Browser != "":
		return Web
	case c.OS == "Android":
		return Android
	case c.OS == "iOS":
		return IOS
	}
	return OtherPlatform
}
