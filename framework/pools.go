package framework

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	yamlv2 "go.yaml.in/yaml/v2"
	"sigs.k8s.io/yaml"

	"k8s-framework/scheduler"
)

// ReadPools reads a pools file: YAML or JSON, a list of pools under the key "pools". What a pool leaves unsaid has
// [scheduler.DefaultPool]'s value. The error names the file, the pool and every field that is wrong.
func ReadPools(path string) ([]scheduler.Pool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--pools is %q, want a readable pools file: %w", path, err)
	}
	file, err := parsePools(text)
	if err != nil {
		return nil, fmt.Errorf("--pools %s: %w", path, err)
	}
	return file.Pools, nil
}

// parsePools makes the command of a pools file that it holds from now on. Pools that leave their number of nodes unsaid
// keep the one that they have.
func parsePools(text []byte) (scheduler.Apply, error) {
	asJSON, err := oneDocument(text)
	if err != nil {
		return scheduler.Apply{}, fmt.Errorf("not YAML: %w", err)
	}
	var file struct {
		Pools []json.RawMessage `json:"pools"`
	}
	if err := decodeStrict(asJSON, &file); err != nil {
		return scheduler.Apply{}, fmt.Errorf("want a list of pools under the key \"pools\": %w", err)
	}
	var command scheduler.Apply
	var problems []error
	for i, raw := range file.Pools {
		pool, counted, err := parsePool(raw)
		if err != nil {
			problems = append(problems, fmt.Errorf("pool %d, %q: %w", i+1, pool.Name, err))
			continue
		}
		command.Pools = append(command.Pools, pool)
		if !counted {
			command.KeepNodes = append(command.KeepNodes, pool.Name)
		}
	}
	problems = append(problems, checkPools(command.Pools))
	if err := errors.Join(problems...); err != nil {
		return scheduler.Apply{}, err
	}
	return command, nil
}

// checkPools is everything that can be wrong with pools before anybody launches a node of them.
func checkPools(pools []scheduler.Pool) error {
	return errors.Join(scheduler.ValidatePools(pools), launchable(pools))
}

// oneDocument is the only YAML document of the text, as JSON. What stood behind it would be passed over in silence.
func oneDocument(text []byte) ([]byte, error) {
	documents := yamlv2.NewDecoder(bytes.NewReader(text))
	var passed any
	if err := documents.Decode(&passed); err == nil {
		if err := documents.Decode(&passed); !errors.Is(err, io.EOF) {
			return nil, errors.New("there is something behind the first document, want one document")
		}
	}
	return yaml.YAMLToJSONStrict(text)
}

// parsePool reads a pool field by field, so that each that is wrong is named with its value. counted says whether the
// number of nodes is there.
func parsePool(raw json.RawMessage) (pool scheduler.Pool, counted bool, err error) {
	pool = scheduler.DefaultPool()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return pool, false, fmt.Errorf("%.100q is no pool, want fields and their values", raw)
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		field, err := json.Marshal(map[string]json.RawMessage{name: fields[name]})
		if err == nil {
			err = decodeStrict(field, &pool)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s is %.200s: %w", name, fields[name], err))
		}
	}
	_, counted = fields["nodes"]
	return pool, counted, errors.Join(problems...)
}

// decodeStrict reads one JSON value in which every field must be known, and behind which nothing may stand.
func decodeStrict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the value, want one value")
	}
	return nil
}
