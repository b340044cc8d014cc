package framework

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"time"
)

// serveMark begins a program that is a file of this instance's host, which nodes fetch from this instance.
const serveMark = "serve:"

// artifactPath is where files are served, each under its SHA-256.
const artifactPath = "/artifacts/"

// artifacts are the files that this instance serves to nodes. They are opened once: a file that is replaced on the disk meanwhile
// is still served as it was, since nodes were told its sum.
type artifacts map[string]*os.File

// offer makes the program a URI with its sum, if it is a file of this host; any other is left as it is.
func (a artifacts) offer(program, advertise string) (string, error) {
	name, served := strings.CutPrefix(program, serveMark)
	if !served {
		return program, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	digest := sha256.New()
	if _, err := io.Copy(digest, file); err != nil {
		return "", errors.Join(fmt.Errorf("read %s: %w", name, err), file.Close())
	}
	sum := hex.EncodeToString(digest.Sum(nil))
	if before := a[sum]; before != nil {
		_ = before.Close() // the same content
	}
	a[sum] = file
	return "http://" + advertise + path.Join(artifactPath, sum) + "#sha256=" + sum, nil
}

// ServeHTTP gives a file by its sum; whether this instance leads does not matter.
func (a artifacts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file := a[r.PathValue("sha256")]
	if file == nil {
		refuse(w, http.StatusNotFound, "no such file here: instances serve what their --executor and --kubelet name, "+
			"and must be started with the same files")
		return
	}
	info, err := file.Stat()
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(file, 0, info.Size()))
}

// close closes the files.
func (a artifacts) close() {
	for _, file := range a {
		_ = file.Close() // it was only read
	}
}
