package wire

import (
	"net/http"
	"strconv"
)

// Refusal is an answer that is not the one that the client wants: a status with a sentence.
type Refusal struct {
	Status int
	Text   string
	Header http.Header // beyond Content-Type and Content-Length; may be nil
}

// Refuse makes a Refusal.
func Refuse(status int, text string) *Refusal { return &Refusal{Status: status, Text: text} }

// NotFound is the answer for a path that nobody serves.
func NotFound() *Refusal { return Refuse(http.StatusNotFound, "404 Not Found.") }

// Unauthorized is the answer for missing or wrong credentials.
func Unauthorized(realm string) *Refusal {
	r := Refuse(http.StatusUnauthorized, "401 Unauthorized.")
	r.Header = http.Header{"WWW-Authenticate": {`Basic realm="` + realm + `"`}}
	return r
}

// OnlyPOST refuses every other method with 405; nil means that the method is right.
func OnlyPOST(r *http.Request) *Refusal {
	if r.Method == http.MethodPost {
		return nil
	}
	refusal := Refuse(http.StatusMethodNotAllowed,
		"405 Method Not Allowed. Expecting one of { 'POST' }, but received '"+r.Method+"'.")
	refusal.Header = http.Header{"Allow": {"POST"}}
	return refusal
}

// Error is the sentence.
func (r *Refusal) Error() string { return r.Text }

// Write sends the refusal.
func (r *Refusal) Write(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range r.Header {
		h[name] = values
	}
	h["Content-Length"] = []string{strconv.Itoa(len(r.Text))}
	if r.Text != "" {
		h["Content-Type"] = []string{typeText}
	}
	w.WriteHeader(r.Status)
	w.Write([]byte(r.Text)) // the client has gone
}

// Accepted sends 202 without a body: the call was understood and will be done, or not; nobody will say which.
func Accepted(w http.ResponseWriter) { WriteStatus(w, http.StatusAccepted) }

// WriteStatus sends a status without a body.
func WriteStatus(w http.ResponseWriter, status int) {
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(status)
}

// Redirect sends 307. The location has no scheme, as Mesos sends it: "//host:port/path".
func Redirect(w http.ResponseWriter, location string) {
	w.Header()["Location"] = []string{location}
	WriteStatus(w, http.StatusTemporaryRedirect)
}
