package kubelet

import "strings"

// Arguments are the kubelet's, without the program's name: what its configuration file cannot say. configuration is the path
// of that file.
func Arguments(spec Spec, configuration string) []string {
	arguments := []string{
		"--config=" + configuration,
		"--kubeconfig=" + spec.KubeconfigPath(),
		"--hostname-override=" + spec.Host,
		"--root-dir=" + spec.RootDir,
		"--cert-dir=" + spec.CertificateDir(),
	}
	if spec.BootstrapKubeconfig != "" {
		arguments = append(arguments, "--bootstrap-kubeconfig="+spec.BootstrapKubeconfig)
	}
	if spec.NodeIP != "" {
		arguments = append(arguments, "--node-ip="+spec.NodeIP)
	}
	if len(spec.Labels) > 0 {
		labels := make([]string, 0, len(spec.Labels))
		for _, key := range sortedKeys(spec.Labels) {
			labels = append(labels, key+"="+spec.Labels[key])
		}
		arguments = append(arguments, "--node-labels="+strings.Join(labels, ","))
	}
	return arguments
}
