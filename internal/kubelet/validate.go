package kubelet

import (
	"errors"
	"fmt"
	"net"
	"path"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Validate checks the Spec as a whole: the error names every field that is wrong, its value and what was expected.
func (s Spec) Validate() error {
	p := &problems{}
	if s.Version != Version {
		p.reject("version", s.Version, fmt.Sprint(Version))
	}
	s.checkIdentity(p)
	s.checkPaths(p)
	s.checkTimes(p)
	if s.HealthzPort < 1 || s.HealthzPort > 65535 {
		p.reject("healthzPort", s.HealthzPort, "a port, 1 to 65535")
	}
	if s.NodeIP != "" && net.ParseIP(s.NodeIP) == nil {
		p.reject("nodeIP", s.NodeIP, "an IP address")
	}
	if s.LogBytes < 64<<10 {
		p.reject("logBytes", s.LogBytes, "65536 bytes or more")
	}
	if _, err := decodeExtra(s.Extra); err != nil {
		p.list = append(p.list, err)
	}
	return errors.Join(p.list...)
}

type problems struct{ list []error }

func (p *problems) reject(field string, value any, want string) {
	p.list = append(p.list, fmt.Errorf("kubelet spec: %s is %q, want %s", field, fmt.Sprint(value), want))
}

func (s Spec) checkIdentity(p *problems) {
	if wrong := validation.IsDNS1123Label(s.Node); len(wrong) > 0 {
		p.reject("node", s.Node, strings.Join(wrong, "; "))
	}
	if wrong := validation.IsDNS1123Subdomain(s.Host); len(wrong) > 0 {
		p.reject("host", s.Host, "the host's name in lower case: "+strings.Join(wrong, "; "))
	}
	framework, ok := strings.CutPrefix(s.ProviderID, "mesos://")
	framework, isOurs := strings.CutSuffix(framework, "/"+s.Node)
	if !ok || !isOurs || framework == "" || strings.Contains(framework, "/") {
		p.reject("providerID", s.ProviderID, "mesos://<framework id>/"+s.Node)
	}
	for _, key := range sortedKeys(s.Labels) {
		p.checkLabel(key, s.Labels[key])
	}
	for index, text := range s.Taints {
		if _, err := ParseTaint(text); err != nil {
			p.reject(fmt.Sprintf("taints[%d]", index), text, err.Error())
		}
	}
}

// checkLabel also refuses what the kubelet itself would refuse at its start, in a loop, where nobody looks.
func (p *problems) checkLabel(key, value string) {
	if wrong := validation.IsQualifiedName(key); len(wrong) > 0 {
		p.reject("labels", key, "a label's key: "+strings.Join(wrong, "; "))
		return
	}
	if wrong := validation.IsValidLabelValue(value); len(wrong) > 0 {
		p.reject(fmt.Sprintf("labels[%s]", key), value, "a label's value: "+strings.Join(wrong, "; "))
	}
	if !mayLabel(key) {
		p.reject("labels", key, "a key that a kubelet may set: in kubernetes.io only below node.kubernetes.io and "+
			"kubelet.kubernetes.io, and "+strings.Join(kubeletLabels(), ", "))
	}
}

func (s Spec) checkPaths(p *problems) {
	absolute := func(field, value string) {
		if !path.IsAbs(value) || path.Clean(value) != value || value == "/" {
			p.reject(field, value, "an absolute path without . or ..")
		}
	}
	s.checkProgram(p)
	absolute("rootDir", s.RootDir)
	if s.Kubeconfig != "" {
		absolute("kubeconfig", s.Kubeconfig)
	}
	if s.BootstrapKubeconfig != "" {
		absolute("bootstrapKubeconfig", s.BootstrapKubeconfig)
	}
	s.checkJoin(p)
	socket, ok := strings.CutPrefix(s.RuntimeEndpoint, "unix://")
	if !ok || !path.IsAbs(socket) {
		p.reject("runtimeEndpoint", s.RuntimeEndpoint, "unix:///path of the container runtime's socket")
	}
}

func (s Spec) checkTimes(p *problems) {
	positive := func(field string, value Duration) {
		if value <= 0 {
			p.reject(field, value, "more than 0")
		}
	}
	if s.Drain.Deadline < 0 {
		p.reject("drain.deadline", s.Drain.Deadline, "0 or more")
	}
	if s.Drain.Then != Force && s.Drain.Then != Wait {
		p.reject("drain.then", s.Drain.Then, Force+" or "+Wait)
	}
	if s.FenceAfter < 0 {
		p.reject("fenceAfter", s.FenceAfter, "0 or more")
	}
	positive("restart.initial", s.Restart.Initial)
	positive("restart.window", s.Restart.Window)
	positive("restart.startTimeout", s.Restart.StartTimeout)
	positive("restart.hangTimeout", s.Restart.HangTimeout)
	if s.Restart.Max < s.Restart.Initial {
		p.reject("restart.max", s.Restart.Max, "at least restart.initial, "+s.Restart.Initial.String())
	}
	if s.Restart.Failures < 1 {
		p.reject("restart.failures", s.Restart.Failures, "1 or more")
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
