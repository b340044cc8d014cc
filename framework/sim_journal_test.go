package framework

import "github.com/sirupsen/logrus"

// journal writes the loop's own log into the transcript.
func (w *simWorld) journal() *logrus.Entry {
	log := logrus.New()
	log.SetLevel(logrus.PanicLevel)
	log.SetOutput(w)
	if w.transcript != nil {
		log.SetLevel(logrus.InfoLevel)
		log.SetFormatter(simFormat{})
	}
	return logrus.NewEntry(log)
}

// Write implements io.Writer for the loop's log.
func (w *simWorld) Write(line []byte) (int, error) {
	w.logf("%s", line)
	return len(line), nil
}

// simFormat is a log line without its time, which would be the real one.
type simFormat struct{}

// Format implements logrus.Formatter.
func (simFormat) Format(entry *logrus.Entry) ([]byte, error) {
	return []byte("  " + entry.Level.String() + " " + entry.Message), nil
}
