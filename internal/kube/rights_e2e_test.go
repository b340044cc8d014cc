//go:build e2e

package kube_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"k8s-framework/internal/kube"
	"k8s-framework/internal/kube/api"
	"k8s-framework/scheduler"
)

// rights is the manifest that an operator applies.
type rights struct {
	ClusterRoles    []rbacv1.ClusterRole
	Roles           []rbacv1.Role
	clusterBindings []rbacv1.ClusterRoleBinding
	bindings        []rbacv1.RoleBinding
}

func readRights(t *testing.T) rights {
	t.Helper()
	text, err := os.ReadFile("../../examples/rbac.yaml")
	require.NoError(t, err)
	var r rights
	for _, document := range strings.Split(string(text), "\n---\n") {
		var kind metav1.TypeMeta
		require.NoError(t, yaml.Unmarshal([]byte(document), &kind))
		switch kind.Kind {
		case "ClusterRole":
			r.ClusterRoles = append(r.ClusterRoles, read[rbacv1.ClusterRole](t, document))
		case "Role":
			r.Roles = append(r.Roles, read[rbacv1.Role](t, document))
		case "ClusterRoleBinding":
			r.clusterBindings = append(r.clusterBindings, read[rbacv1.ClusterRoleBinding](t, document))
		case "RoleBinding":
			r.bindings = append(r.bindings, read[rbacv1.RoleBinding](t, document))
		default:
			require.Fail(t, "a kind that is new to this test", kind.Kind)
		}
	}
	return r
}

func read[T any](t *testing.T, document string) T {
	t.Helper()
	var object T
	require.NoError(t, yaml.UnmarshalStrict([]byte(document), &object))
	return object
}

// grant creates everything in the manifest.
func (r rights) grant(t *testing.T, admin kubernetes.Interface) {
	t.Helper()
	rbac := admin.RbacV1()
	for i := range r.ClusterRoles {
		_, err := rbac.ClusterRoles().Create(t.Context(), &r.ClusterRoles[i], metav1.CreateOptions{})
		require.NoError(t, err)
	}
	for i := range r.Roles {
		require.Eventually(t, func() bool { // the API server makes the namespace of the leases when it has started
			_, err := rbac.Roles(r.Roles[i].Namespace).Create(t.Context(), &r.Roles[i], metav1.CreateOptions{})
			return err == nil
		}, time.Minute, 20*time.Millisecond)
	}
	for i := range r.clusterBindings {
		_, err := rbac.ClusterRoleBindings().Create(t.Context(), &r.clusterBindings[i], metav1.CreateOptions{})
		require.NoError(t, err)
	}
	for i := range r.bindings {
		_, err := rbac.RoleBindings(r.bindings[i].Namespace).Create(t.Context(), &r.bindings[i], metav1.CreateOptions{})
		require.NoError(t, err)
	}
}

// watched is a client of ours that remembers what it was refused.
type watched struct {
	*api.Client
	mu      sync.Mutex
	refused []string
}

// RoundTrip-ing is all that a refusal can be seen at where the product goes on without the right.
type transport struct {
	inner http.RoundTripper
	into  *watched
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.inner.RoundTrip(r)
	if err == nil && answer.StatusCode == http.StatusForbidden {
		t.into.mu.Lock()
		defer t.into.mu.Unlock()
		t.into.refused = append(t.into.refused, r.Method+" "+r.URL.RequestURI())
	}
	return answer, err
}

func (w *watched) refusals() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.refused)
}

func (w world) watchedClient(t *testing.T) *watched {
	t.Helper()
	config, err := api.Access{Kubeconfig: w.kubeconfig, UserAgent: "k8s-framework"}.Config()
	require.NoError(t, err)
	client := &watched{}
	config.Wrap(func(inner http.RoundTripper) http.RoundTripper { return transport{inner, client} })
	client.Client, err = api.New(config)
	require.NoError(t, err)
	return client
}

// operation uses rights; it ends by itself, or with ctx.
type operation func(ctx context.Context, t *testing.T, w world, client *api.Client)

// needs says for each right which operation needs it. A right that is not here is one too many.
func needs() map[string]operation {
	return map[string]operation{
		"get nodes":                                  forgets,
		"list nodes":                                 watchesNodes,
		"watch nodes":                                watchesNodes,
		"patch nodes":                                welcomes,
		"delete nodes":                               forgets,
		"list pods":                                  drains,
		"watch pods":                                 drains,
		"create pods/eviction":                       drains,
		"list poddisruptionbudgets":                  unblocks,
		"watch poddisruptionbudgets":                 unblocks,
		"create events":                              drains,
		"get certificatesigningrequests":             approves(scheduler.ClientCertificate),
		"list certificatesigningrequests":            watchesRequests,
		"watch certificatesigningrequests":           watchesRequests,
		"update certificatesigningrequests/approval": approves(scheduler.ServingCertificate),
		"approve signers":                            approves(scheduler.ClientCertificate),
		"approve signers " + string(scheduler.ClientCertificate):  approves(scheduler.ClientCertificate),
		"approve signers " + string(scheduler.ServingCertificate): approves(scheduler.ServingCertificate),
		"get leases":     readsLease,
		"create secrets": issues,
		"delete secrets": revokes,
	}
}

// With all rights nothing is refused; without any one of them, the operation that needs it is.
func TestEveryRightIsNeededAndNoOther(t *testing.T) {
	w := start(t)
	r := readRights(t)
	for name, run := range needs() {
		t.Run("with all rights: "+name, func(t *testing.T) {
			client := w.watchedClient(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			run(ctx, t, w, client.Client)
			require.NoError(t, ctx.Err(), "it did not come to its end")
			require.Empty(t, client.refusals())
		})
	}
	for i := range r.ClusterRoles {
		role := &r.ClusterRoles[i]
		w.withoutEach(t, role.Name, role.Rules, func(rules []rbacv1.PolicyRule) {
			role.Rules = rules
			_, err := w.admin.RbacV1().ClusterRoles().Update(t.Context(), role, metav1.UpdateOptions{})
			require.NoError(t, err)
		})
	}
	for i := range r.Roles {
		role := &r.Roles[i]
		w.withoutEach(t, role.Name, role.Rules, func(rules []rbacv1.PolicyRule) {
			role.Rules = rules
			_, err := w.admin.RbacV1().Roles(role.Namespace).Update(t.Context(), role, metav1.UpdateOptions{})
			require.NoError(t, err)
		})
	}
	require.NoError(t, w.Err())
}

// withoutEach takes each verb, and each name where there are several, out of the rules.
func (w world) withoutEach(t *testing.T, role string, rules []rbacv1.PolicyRule, update func([]rbacv1.PolicyRule)) {
	defer update(rules)
	for i, rule := range rules {
		require.Len(t, rule.Resources, 1, "%s: one resource a rule, so that each can be taken away", role)
		without := func(what string, change func(*rbacv1.PolicyRule)) {
			t.Run("without: "+what, func(t *testing.T) {
				run := needs()[what]
				require.NotNil(t, run, "no operation needs this right")
				changed := slices.Clone(rules)
				changed[i] = *rule.DeepCopy()
				change(&changed[i])
				if len(changed[i].Verbs) == 0 {
					changed = slices.Delete(changed, i, i+1)
				}
				update(changed)
				w.refusedTo(t, run)
			})
		}
		for _, verb := range rule.Verbs {
			without(verb+" "+rule.Resources[0], func(r *rbacv1.PolicyRule) {
				r.Verbs = slices.DeleteFunc(r.Verbs, func(each string) bool { return each == verb })
			})
		}
		for _, name := range rule.ResourceNames {
			without(rule.Verbs[0]+" "+rule.Resources[0]+" "+name, func(r *rbacv1.PolicyRule) {
				r.ResourceNames = slices.DeleteFunc(r.ResourceNames, func(each string) bool { return each == name })
			})
		}
	}
}

// refusedTo runs the operation until something of it is refused: the server learns of changed rights a moment later.
func (w world) refusedTo(t *testing.T, run operation) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := w.watchedClient(t)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		for ctx.Err() == nil && len(client.refusals()) == 0 {
			run(ctx, t, w, client.Client)
		}
	})
	for len(client.refusals()) == 0 {
		select {
		case <-ctx.Done():
			require.Fail(t, "nothing was refused")
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Log("refused: ", client.refusals()[0])
}

// performs runs one operation of an Operator to its end; progress is told of a drain's.
func performs(
	ctx context.Context, t *testing.T, client *api.Client, op scheduler.Op, progress ...func(scheduler.DrainProgressed),
) scheduler.Event {
	o, err := kube.NewOperator(kube.OperatorOptions{Client: client, Component: "k8s-framework"})
	if !assert.NoError(t, err) {
		return nil
	}
	defer o.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := make(chan scheduler.Event, 1000)
	o.Perform(ctx, op, func(e scheduler.Event) {
		goesOn, is := e.(scheduler.DrainProgressed)
		if !is {
			events <- e
			return
		}
		for _, tell := range progress {
			tell(goesOn)
		}
	})
	select {
	case e := <-events:
		return e
	case <-ctx.Done():
		return nil
	}
}

// fresh is a Node of a new name, with the starting taint.
func (w world) fresh(ctx context.Context, t *testing.T) *corev1.Node {
	node, err := w.admin.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "node-"},
		Spec: corev1.NodeSpec{ProviderID: "mesos://f/w-1", Taints: []corev1.Taint{
			{Key: "other", Effect: corev1.TaintEffectNoSchedule},
			{Key: scheduler.StartingTaintKey, Effect: corev1.TaintEffect(scheduler.StartingTaintEffect)},
		}},
	}, metav1.CreateOptions{})
	if ctx.Err() == nil {
		assert.NoError(t, err)
	}
	return node
}

func forgets(ctx context.Context, t *testing.T, w world, client *api.Client) {
	node := w.fresh(ctx, t)
	performs(ctx, t, client, scheduler.ForgetKubeNode{Node: "w-1", Host: scheduler.Hostname(node.Name), ProviderID: node.Spec.ProviderID})
}

func welcomes(ctx context.Context, t *testing.T, w world, client *api.Client) {
	node := w.fresh(ctx, t)
	performs(ctx, t, client, scheduler.WelcomeNode{
		Node: "w-1", Host: scheduler.Hostname(node.Name), UID: scheduler.UID(node.UID), ProviderID: node.Spec.ProviderID,
	})
}

func drains(ctx context.Context, t *testing.T, w world, client *api.Client) {
	node := w.fresh(ctx, t)
	if ctx.Err() != nil {
		return
	}
	w.pod(t, node.Name, "web-"+node.Name)
	performs(ctx, t, client, scheduler.Drain{Node: "w-1", Host: scheduler.Hostname(node.Name), ProviderID: node.Spec.ProviderID})
}

// unblocks is a drain that a budget holds up for a second: a drain reads budgets only as long as one blocks it.
func unblocks(ctx context.Context, t *testing.T, w world, client *api.Client) {
	node := w.fresh(ctx, t)
	if ctx.Err() != nil {
		return
	}
	w.pod(t, node.Name, "web-"+node.Name)
	budgets, many := w.admin.PolicyV1().PodDisruptionBudgets("default"), intstr.FromInt32(1000) // whatever else has this label
	_, err := budgets.Create(ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: node.Name},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &many, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
	}, metav1.CreateOptions{})
	assert.NoError(t, err)
	op := scheduler.Drain{Node: "w-1", Host: scheduler.Hostname(node.Name), ProviderID: node.Spec.ProviderID}
	for ctx.Err() == nil { // the controller counts the pods of a new budget a moment later
		seen, err := budgets.Get(ctx, node.Name, metav1.GetOptions{})
		if err == nil && seen.Status.ObservedGeneration > 0 && seen.Status.CurrentHealthy > 0 {
			break
		}
	}
	var once sync.Once
	performs(ctx, t, client, op, func(p scheduler.DrainProgressed) {
		if len(p.Blocked) > 0 {
			once.Do(func() {
				time.AfterFunc(time.Second, func() { _ = budgets.Delete(context.WithoutCancel(ctx), node.Name, metav1.DeleteOptions{}) })
			})
		}
	})
	_ = budgets.Delete(context.WithoutCancel(ctx), node.Name, metav1.DeleteOptions{}) // the drain may have ended without
}

// watchesNodes ends when a watch, and not only the list before it, has told of a Node.
func watchesNodes(ctx context.Context, t *testing.T, w world, client *api.Client) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var late string
	kube.NewWatcher(client, nil).Watch(ctx, func(e scheduler.Event) {
		switch e := e.(type) {
		case scheduler.KubeSynced:
			late = w.fresh(ctx, t).Name
		case scheduler.KubeNodeSeen:
			if string(e.Node.Host) == late {
				cancel()
			}
		}
	})
}

func watchesRequests(ctx context.Context, t *testing.T, w world, client *api.Client) {
	ctx, cancel := context.WithCancel(ctx)
	var ended sync.WaitGroup
	defer ended.Wait()
	defer cancel()
	seen := make(chan scheduler.CertificateRequested, 1000)
	ended.Go(func() {
		kube.NewRequestWatcher(client, nil).Watch(ctx, func(e scheduler.Event) {
			if e, is := e.(scheduler.CertificateRequested); is {
				seen <- e
			}
		})
	})
	for _, kind := range []scheduler.CertificateKind{scheduler.ClientCertificate, scheduler.ServingCertificate} {
		for told := false; !told && ctx.Err() == nil; {
			name := w.request(ctx, t, w.admin, kind, nil).Name // again and again: a list tells of the first
			timeout := time.After(50 * time.Millisecond)
			for waiting := true; waiting && !told; {
				select {
				case e := <-seen:
					told = e.Request.Name == name
				case <-timeout:
					waiting = false
				case <-ctx.Done():
					return
				}
			}
		}
	}
}

func approves(kind scheduler.CertificateKind) operation {
	return func(ctx context.Context, t *testing.T, w world, client *api.Client) {
		request := w.request(ctx, t, w.admin, kind, nil)
		performs(ctx, t, client, scheduler.ApproveCertificate{Node: "w-1", Request: request.Name, UID: scheduler.UID(request.UID), Kind: kind})
	}
}

func readsLease(ctx context.Context, t *testing.T, w world, client *api.Client) {
	performs(ctx, t, client, scheduler.ReadLease{Node: "w-1", Host: scheduler.Hostname(w.fresh(ctx, t).Name)})
}

func issues(ctx context.Context, t *testing.T, _ world, client *api.Client) {
	performs(ctx, t, client, scheduler.IssueToken{Node: "w-1", Host: "h1", ID: "abcdef"})
}

func revokes(ctx context.Context, t *testing.T, _ world, client *api.Client) {
	performs(ctx, t, client, scheduler.RevokeToken{Node: "w-1", ID: "abcdef"})
}

// request makes a CertificateSigningRequest as a kubelet of host h1 would, changed by change.
func (w world) request(
	ctx context.Context, t *testing.T, by kubernetes.Interface, kind scheduler.CertificateKind, change func(*x509.CertificateRequest),
) *certificatesv1.CertificateSigningRequest {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, err)
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "system:node:h1", Organization: []string{"system:nodes"}}}
	usages := []certificatesv1.KeyUsage{"digital signature", "client auth"}
	if kind == scheduler.ServingCertificate {
		template.DNSNames, template.IPAddresses = []string{"h1"}, []net.IP{net.IPv4(10, 0, 0, 1)}
		usages[1] = "server auth"
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	assert.NoError(t, err)
	made, err := by.CertificatesV1().CertificateSigningRequests().Create(ctx, &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "csr-"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), SignerName: string(kind), Usages: usages,
		},
	}, metav1.CreateOptions{})
	if ctx.Err() == nil {
		assert.NoError(t, err)
	}
	return made
}

// A token of ours lets its holder ask for a certificate, and nothing else; when it is replaced or revoked, it is worth nothing.
func TestATokenIsGoodForOneThing(t *testing.T) {
	w := start(t)
	issue := func() string {
		issued, is := performs(t.Context(), t, w.ours, scheduler.IssueToken{Node: "w-1", Host: "h1", ID: "abcdef", Why: "test"}).(scheduler.TokenIssued)
		require.True(t, is)
		require.NotContains(t, fmt.Sprint(issued), "abcdef.")
		return string(issued.Token)
	}
	as := func(token string) kubernetes.Interface {
		config := rest.AnonymousClientConfig(w.Config())
		config.BearerToken = token
		client, err := kubernetes.NewForConfig(config)
		require.NoError(t, err)
		return client
	}
	first := issue()
	secret, err := w.admin.CoreV1().Secrets("kube-system").Get(t.Context(), "bootstrap-token-abcdef", metav1.GetOptions{})
	require.NoError(t, err)
	expiration, err := time.Parse(time.RFC3339, string(secret.Data["expiration"]))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(10*time.Minute), expiration, 30*time.Second)
	require.Contains(t, string(secret.Data["description"]), "node w-1 on host h1")

	holder := as(first)
	var who *certificatesv1.CertificateSigningRequest
	require.Eventually(t, func() bool { // the authenticator learns of the secret a moment later
		review, err := holder.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: "certificates.k8s.io", Resource: "certificatesigningrequests", Verb: "create",
			}},
		}, metav1.CreateOptions{})
		return err == nil && review.Status.Allowed
	}, time.Minute, 20*time.Millisecond)
	who = w.request(t.Context(), t, holder, scheduler.ClientCertificate, nil)
	require.Equal(t, "system:bootstrap:abcdef", who.Spec.Username)
	require.Contains(t, who.Spec.Groups, scheduler.BootstrapGroup)
	for what, err := range map[string]error{
		"list nodes":    errOf(holder.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})),
		"list pods":     errOf(holder.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})),
		"read a secret": errOf(holder.CoreV1().Secrets("kube-system").Get(t.Context(), "bootstrap-token-abcdef", metav1.GetOptions{})),
	} {
		require.True(t, apierrors.IsForbidden(err), "%s: %v", what, err)
	}

	require.IsType(t, scheduler.CertificateSettled{}, performs(t.Context(), t, w.ours, scheduler.ApproveCertificate{
		Node: "w-1", Request: who.Name, UID: "another", Kind: scheduler.ClientCertificate,
	}))
	unsigned, err := w.admin.CertificatesV1().CertificateSigningRequests().Get(t.Context(), who.Name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Empty(t, unsigned.Status.Conditions, "it is not the one that was judged")
	approve := scheduler.ApproveCertificate{Node: "w-1", Request: who.Name, UID: scheduler.UID(who.UID), Kind: scheduler.ClientCertificate, Why: "test"}
	for range 2 { // the second time it is decided
		require.IsType(t, scheduler.CertificateSettled{}, performs(t.Context(), t, w.ours, approve))
	}
	require.Eventually(t, func() bool {
		signed, err := w.admin.CertificatesV1().CertificateSigningRequests().Get(t.Context(), who.Name, metav1.GetOptions{})
		return err == nil && len(signed.Status.Certificate) > 0 && len(signed.Status.Conditions) == 1
	}, time.Minute, 20*time.Millisecond)

	second := as(issue())
	require.Eventually(t, func() bool {
		_, err := second.CertificatesV1().CertificateSigningRequests().List(t.Context(), metav1.ListOptions{})
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	worthless(t, holder)
	for range 2 { // the second time it is gone
		require.Equal(t, scheduler.TokenRevoked{Node: "w-1"}, performs(t.Context(), t, w.ours, scheduler.RevokeToken{Node: "w-1", ID: "abcdef"}))
	}
	worthless(t, second)
	require.NoError(t, w.Err())
}

// worthless waits until a token is refused: the API server remembers for some seconds whom it has taken a token for.
func worthless(t *testing.T, holder kubernetes.Interface) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := holder.CertificatesV1().CertificateSigningRequests().List(t.Context(), metav1.ListOptions{})
		return apierrors.IsUnauthorized(err)
	}, time.Minute, 50*time.Millisecond)
}

func errOf[T any](_ T, err error) error { return err }

// The starting taint comes off the Node that was launched, and off no other; what others do to its taints meanwhile stays.
func TestOnlyTheNodeThatWasLaunchedIsWelcomed(t *testing.T) {
	w := start(t)
	node := w.fresh(t.Context(), t)
	op := scheduler.WelcomeNode{Node: "w-1", Host: scheduler.Hostname(node.Name), UID: scheduler.UID(node.UID), ProviderID: node.Spec.ProviderID}
	taints := func() (keys []string) {
		seen, err := w.admin.CoreV1().Nodes().Get(t.Context(), node.Name, metav1.GetOptions{})
		require.NoError(t, err)
		for _, taint := range seen.Spec.Taints {
			keys = append(keys, taint.Key)
		}
		return keys
	}
	require.Contains(t, taints(), scheduler.StartingTaintKey)
	for _, spoil := range []func(*scheduler.WelcomeNode){
		func(o *scheduler.WelcomeNode) { o.UID = "another" },
		func(o *scheduler.WelcomeNode) { o.ProviderID = "mesos://f/w-2" },
		func(o *scheduler.WelcomeNode) { o.ProviderID = "" },
	} {
		other := op
		spoil(&other)
		require.IsType(t, scheduler.OpFailed{}, performs(t.Context(), t, w.ours, other))
		require.Contains(t, taints(), scheduler.StartingTaintKey)
	}
	for range 2 { // the second time it is off already
		require.Equal(t, scheduler.NodeWelcomed{Node: "w-1"}, performs(t.Context(), t, w.ours, op))
		require.NotContains(t, taints(), scheduler.StartingTaintKey)
		require.Contains(t, taints(), "other")
	}
	require.NoError(t, w.Err())
}
