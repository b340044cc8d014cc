package kube

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"time"
)

// authority is the one certificate authority of a cluster. It signs servers and clients alike: who may do what is said
// by the names in the certificates (docs: Kubernetes "PKI certificates and requirements").
type authority struct {
	cert *x509.Certificate
	pair pair
}

// pair is a certificate with its key, both in PEM.
type pair struct{ cert, key []byte }

// subject is whom a certificate is for: a user with groups, or a server with addresses.
type subject struct {
	user   string
	groups []string
	names  []string
	ips    []netip.Addr
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of the certificate authority: %w", err)
	}
	template, err := template("k8s-framework-local-ca")
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	p, err := sign(template, template, key, key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate authority: %w", err)
	}
	block, _ := pem.Decode(p.cert)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read back the certificate authority: %w", err)
	}
	return &authority{cert: cert, pair: p}, nil
}

// issue makes a key and a certificate for it that serves as client and as server.
func (a *authority) issue(s subject) (pair, error) {
	template, err := template(s.user)
	if err != nil {
		return pair{}, err
	}
	template.Subject.Organization = s.groups
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	template.DNSNames = s.names
	for _, ip := range s.ips {
		template.IPAddresses = append(template.IPAddresses, net.IP(ip.AsSlice()))
	}
	block, _ := pem.Decode(a.pair.key)
	signer, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return pair{}, fmt.Errorf("read the key of the certificate authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, fmt.Errorf("make a key for %s: %w", s.user, err)
	}
	p, err := sign(template, a.cert, key, signer)
	if err != nil {
		return pair{}, fmt.Errorf("issue a certificate for %s: %w", s.user, err)
	}
	return p, nil
}

func template(name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour), // tests may set clocks back
		NotAfter:     now.AddDate(1, 0, 0),
	}, nil
}

func sign(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (pair, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return pair{}, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return pair{}, err
	}
	return pair{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}, nil
}
