package kube

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"k8s-framework/internal/kube/api"
	"k8s-framework/scheduler"
)

const requestsPath = "/apis/certificates.k8s.io/v1/certificatesigningrequests"

// wireRequest is what is read of a CertificateSigningRequest.
type wireRequest struct {
	api.Object
	Spec struct {
		// Request is the PEM text of a PKCS #10 request.
		Request    []byte   `json:"request"`
		SignerName string   `json:"signerName"`
		Username   string   `json:"username"`
		Groups     []string `json:"groups"`
		Usages     []string `json:"usages"`
	} `json:"spec"`
	Status struct {
		Conditions []struct {
			Type string `json:"type"`
		} `json:"conditions"`
		Certificate []byte `json:"certificate"`
	} `json:"status"`
}

// pending reports whether nobody has decided about the request yet.
func (w wireRequest) pending() bool {
	return len(w.Status.Conditions) == 0 && len(w.Status.Certificate) == 0
}

// RequestWatcher follows the requests for kubelets' certificates.
type RequestWatcher struct {
	client  *api.Client
	trouble func(error)
}

// NewRequestWatcher makes a RequestWatcher; trouble is told as that of a Watcher.
func NewRequestWatcher(client *api.Client, trouble func(error)) *RequestWatcher {
	return &RequestWatcher{client: client, trouble: trouble}
}

// Watch tells of the requests for client and serving certificates of kubelets until ctx ends: CertificateRequested for each that
// waits for a decision, once, and CertificateSettled when it is decided or gone. It never gives up. Deliver is called from two
// goroutines, which have ended when Watch returns, and must return when ctx ends.
func (w *RequestWatcher) Watch(ctx context.Context, deliver func(scheduler.Event)) {
	var group sync.WaitGroup
	for _, kind := range []scheduler.CertificateKind{scheduler.ClientCertificate, scheduler.ServingCertificate} {
		group.Go(func() { w.follow(ctx, kind, deliver) })
	}
	group.Wait()
}

// follow watches the requests to one signer: the server's field selector knows no "or".
func (w *RequestWatcher) follow(ctx context.Context, kind scheduler.CertificateKind, deliver func(scheduler.Event)) {
	l := &requestLedger{told: map[string]string{}, deliver: deliver}
	query := url.Values{"fieldSelector": {"spec.signerName=" + string(kind)}}
	api.Follow(ctx, w.client, requestsPath, query, api.Handler[wireRequest]{
		Listing: func() { l.listed = map[string]bool{} },
		Seen:    l.seen,
		Synced:  l.complete,
		Gone:    func(r wireRequest) { l.settle(r.Metadata.Name) },
		Trouble: func(err error) {
			if w.trouble != nil {
				w.trouble(err)
			}
		},
	})
}

// requestLedger keeps which requests the scheduler was told of: their UIDs, by name.
type requestLedger struct {
	told    map[string]string
	listed  map[string]bool // nil: no list is being read
	deliver func(scheduler.Event)
}

func (l *requestLedger) seen(r wireRequest) {
	name := r.Metadata.Name
	if l.listed != nil {
		l.listed[name] = true
	}
	switch {
	case !r.pending():
		l.settle(name)
	case l.told[name] != r.Metadata.UID:
		l.told[name] = r.Metadata.UID
		l.deliver(scheduler.CertificateRequested{Request: requestOf(r)})
	}
}

func (l *requestLedger) complete() {
	for name := range l.told {
		if !l.listed[name] {
			l.settle(name)
		}
	}
	l.listed = nil
}

func (l *requestLedger) settle(name string) {
	if _, told := l.told[name]; told {
		delete(l.told, name)
		l.deliver(scheduler.CertificateSettled{Request: name})
	}
}

// requestOf reads what is asked for. A request that cannot be read is told as such: somebody may wait for it in vain.
func requestOf(w wireRequest) scheduler.CertificateRequest {
	r := scheduler.CertificateRequest{
		Name: w.Metadata.Name, UID: scheduler.UID(w.Metadata.UID), Kind: scheduler.CertificateKind(w.Spec.SignerName),
		Username: w.Spec.Username, Groups: w.Spec.Groups, Usages: w.Spec.Usages,
	}
	asked, err := parseRequest(w.Spec.Request)
	if err != nil {
		r.Unreadable = err.Error()
		return r
	}
	r.CommonName, r.Organization = asked.Subject.CommonName, asked.Subject.Organization
	r.DNSNames = asked.DNSNames
	for _, ip := range asked.IPAddresses {
		r.IPs = append(r.IPs, ip.String())
	}
	r.Others = slices.Clone(asked.EmailAddresses)
	for _, uri := range asked.URIs {
		r.Others = append(r.Others, uri.String())
	}
	r.Others = append(r.Others, furtherNames(asked.Subject)...)
	return r
}

// furtherNames are the parts of a subject that are neither its one common name nor an organization.
func furtherNames(subject pkix.Name) (others []string) {
	commonNames := 0
	for _, part := range subject.Names {
		switch part.Type.String() {
		case "2.5.4.3":
			if commonNames++; commonNames > 1 {
				others = append(others, subject.String())
			}
		case "2.5.4.10":
		default:
			others = append(others, fmt.Sprintf("%s=%v", part.Type, part.Value))
		}
	}
	return others
}

func parseRequest(text []byte) (*x509.CertificateRequest, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("want a CERTIFICATE REQUEST in PEM")
	}
	if strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("something follows the CERTIFICATE REQUEST")
	}
	asked, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	return asked, nil
}
