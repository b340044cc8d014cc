package api

import (
	"fmt"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/flowcontrol"
)

// Access says how to reach an API server.
type Access struct {
	// Kubeconfig is the path of a kubeconfig file; its current context is used.
	Kubeconfig string
	// UserAgent names this program in the server's audit log.
	UserAgent string
	// QPS is how many requests a second may be sent for long, and Burst how many at once. Zero: DefaultQPS, DefaultBurst.
	QPS   float32
	Burst int
}

// The defaults of Access. client-go's own, 5 and 10, make a drain of 110 pods last 20 seconds for no other reason.
const (
	DefaultQPS   = 50
	DefaultBurst = 100
)

// Config reads the kubeconfig. Every Client made from the result shares one rate limiter. Errors name the kubeconfig and
// what was expected of it.
func (a Access) Config() (*rest.Config, error) {
	if a.Kubeconfig == "" {
		return nil, fmt.Errorf("kubeconfig is %q, want the path of a kubeconfig file", a.Kubeconfig)
	}
	// clientcmd would say "no configuration has been provided" of a file that is not there.
	if _, err := os.Stat(a.Kubeconfig); err != nil {
		return nil, fmt.Errorf("kubeconfig is %q, want a kubeconfig file that can be read: %w", a.Kubeconfig, err)
	}
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: a.Kubeconfig}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig is %q, want one whose current context names a cluster and a user: %w", a.Kubeconfig, err)
	}
	if a.QPS < 0 || a.Burst < 0 {
		return nil, fmt.Errorf("qps is %v and burst is %d, want neither below zero", a.QPS, a.Burst)
	}
	config.UserAgent = a.UserAgent
	config.QPS, config.Burst = a.QPS, a.Burst
	if config.QPS == 0 {
		config.QPS = DefaultQPS
	}
	if config.Burst == 0 {
		config.Burst = DefaultBurst
	}
	config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(config.QPS, config.Burst)
	return config, nil
}
