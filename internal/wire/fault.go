package wire

import "net/http"

// Exception is a sort of error that clients know by its name.
type Exception struct {
	Name   string
	Status int
	// FrontEnd marks errors made before the service is reached, whose body has a message member only.
	FrontEnd bool
}

// What goes wrong before an operation is reached (control-plane.md 1.2). The contract does not model these.
var (
	Serialization        = Exception{"SerializationException", http.StatusBadRequest, true}
	UnsupportedMediaType = Exception{"UnsupportedMediaTypeException", http.StatusUnsupportedMediaType, true}
	NotAcceptable        = Exception{"NotAcceptableException", http.StatusNotAcceptable, true}
	UnknownOperation     = Exception{"UnknownOperationException", http.StatusNotFound, true}
	TooLarge             = Exception{"RequestEntityTooLargeException", http.StatusRequestEntityTooLarge, true}
	Throttling           = Exception{"ThrottlingException", http.StatusTooManyRequests, true}
)

// What any operation may answer, whether the contract models it or not.
var (
	UnsupportedOperation = Exception{"UnsupportedOperationException", http.StatusBadRequest, false}
	ServiceUnavailable   = Exception{"ServiceUnavailableException", http.StatusServiceUnavailable, false}
)

// Fault is an error as a client gets it.
type Fault struct { //nolint:errname // AWS calls this a fault; ValidationException and the like are its names
	Exception
	Message string
}

// Error returns the exception's name and the message.
func (f Fault) Error() string { return f.Name + ": " + f.Message }

// Body returns the error's body. Errors of the service carry the modelled member and the one that the SDKs
// show (control-plane.md 1.5); errors of the front end carry the latter only.
func (f Fault) Body() []byte {
	w := &Writer{}
	w.Open()
	if !f.FrontEnd {
		w.Name("exceptionMessage")
		w.Text(f.Message)
	}
	w.Name("message")
	w.Text(f.Message)
	w.Close()
	return w.Bytes()
}

// Write answers with the fault. Headers that every answer has are the caller's.
func (f Fault) Write(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", f.Name)
	w.WriteHeader(f.Status)
	_, err := w.Write(f.Body())
	return err
}
