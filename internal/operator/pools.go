package operator

import (
	"fmt"
	"io"

	"sigs.k8s.io/yaml"

	"k8s-framework/scheduler"
)

// WritePools writes the pools' definitions as a pools file, which apply takes back. Pools that are being deleted are left
// out.
func WritePools(out io.Writer, view scheduler.View) error {
	file := struct {
		Pools []scheduler.Pool `json:"pools"`
	}{[]scheduler.Pool{}}
	for _, p := range view.Pools {
		if !p.Deleted {
			file.Pools = append(file.Pools, p.Pool)
		}
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		return fmt.Errorf("write the pools file: %w", err)
	}
	_, err = out.Write(text)
	return err
}
