package nats

import (
	"fmt"
	"log/slog"
)

// logger hands the server's lines on. What it calls a notice is its starting and stopping, of which the node
// tells enough itself.
type logger struct{ log *slog.Logger }

func (l logger) Noticef(format string, v ...any) { l.debug(format, v) }
func (l logger) Debugf(format string, v ...any)  { l.debug(format, v) }
func (l logger) Tracef(format string, v ...any)  { l.debug(format, v) }

func (l logger) Warnf(format string, v ...any) {
	l.log.Warn("bus server", "text", fmt.Sprintf(format, v...))
}

func (l logger) Errorf(format string, v ...any) {
	l.log.Error("bus server", "text", fmt.Sprintf(format, v...))
}

func (l logger) Fatalf(format string, v ...any) {
	l.log.Error("bus server", "text", fmt.Sprintf(format, v...))
}

func (l logger) debug(format string, v []any) {
	l.log.Debug("bus server", "text", fmt.Sprintf(format, v...))
}
