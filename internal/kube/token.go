package kube

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s-framework/scheduler"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// secretsPath is where bootstrap tokens live (Kubernetes, "Authenticating with Bootstrap Tokens").
const secretsPath = "/api/v1/namespaces/kube-system/secrets"

// tokenSecret is a bootstrap token as the API server reads it.
type tokenSecret struct {
	Metadata   secretMeta        `json:"metadata"`
	Type       string            `json:"type"`
	StringData map[string]string `json:"stringData"`
}

type secretMeta struct {
	Name string `json:"name"`
}

func tokenName(id string) string { return "bootstrap-token-" + id }

// admit does what brings a node into the cluster, and returns the event that says so.
func (o *Operator) admit(ctx context.Context, op scheduler.Op) (scheduler.Event, error) {
	switch op := op.(type) {
	case scheduler.IssueToken:
		token, err := o.issueToken(ctx, op)
		return scheduler.TokenIssued{Node: op.Node, Token: token}, err
	case scheduler.RevokeToken:
		return scheduler.TokenRevoked{Node: op.Node}, o.deleteToken(ctx, op.ID)
	case scheduler.ApproveCertificate:
		return scheduler.CertificateSettled{Request: op.Request}, o.approve(ctx, op)
	case scheduler.WelcomeNode:
		return scheduler.NodeWelcomed{Node: op.Node}, o.welcome(ctx, op)
	default:
		panic(fmt.Sprintf("unknown operation %T", op))
	}
}

// issueToken makes the token's secret, in the place of one that is there: it was issued for the same node, whose name the ID
// follows from, by a leader that is no more, or for a message that was lost.
func (o *Operator) issueToken(ctx context.Context, op scheduler.IssueToken) (scheduler.Secret, error) {
	secret := strings.ToLower(rand.Text())[:16] // 80 bits, in the letters that a token may have
	object := tokenSecret{
		Metadata: secretMeta{Name: tokenName(op.ID)},
		Type:     "bootstrap.kubernetes.io/token",
		StringData: map[string]string{
			"description":                    fmt.Sprintf("made by %s for node %s on host %s, for one use", o.component, op.Node, op.Host),
			"token-id":                       op.ID,
			"token-secret":                   secret,
			"expiration":                     time.Now().Add(scheduler.TokenLife).UTC().Format(time.RFC3339),
			"usage-bootstrap-authentication": "true",
			"auth-extra-groups":              scheduler.BootstrapGroup,
		},
	}
	err := o.client.Post(ctx, secretsPath, object, nil)
	if apierrors.IsAlreadyExists(err) {
		if err = o.deleteToken(ctx, op.ID); err == nil {
			err = o.client.Post(ctx, secretsPath, object, nil)
		}
	}
	if err != nil {
		return "", fmt.Errorf("make bootstrap token %s: %w", op.ID, err)
	}
	return scheduler.Secret(op.ID + "." + secret), nil
}

// deleteToken deletes the token's secret; that it is not there is no error.
func (o *Operator) deleteToken(ctx context.Context, id string) error {
	err := o.client.Do(ctx, http.MethodDelete, secretsPath+"/"+tokenName(id), "", nil, nil)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete bootstrap token %s: %w", id, err)
	}
	return nil
}
