package framework

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s-framework/scheduler"
)

// seed makes records of those pools of the options that are not saved yet. What is saved counts; a flag that says otherwise
// is warned of. Pools that cannot be together are an error.
func (i *instance) seed(state scheduler.State) ([]scheduler.PoolRecord, error) {
	if state.Meta.Teardown != "" {
		return nil, nil // everything ends: nothing begins
	}
	saved := state.Pools
	var all []scheduler.Pool
	for _, record := range saved {
		if !record.Deleted {
			all = append(all, record.Pool)
		}
	}
	var fresh []scheduler.PoolRecord
	for _, pool := range i.Pools {
		at := slices.IndexFunc(saved, func(record scheduler.PoolRecord) bool { return record.Name == pool.Name })
		if at >= 0 {
			i.compare(saved[at], pool)
			continue
		}
		fresh, all = append(fresh, scheduler.NewPoolRecord(pool)), append(all, pool)
	}
	if len(fresh) == 0 {
		return nil, nil // what is saved is for the core to judge
	}
	return fresh, scheduler.ValidatePools(all)
}

// compare warns of a pool whose flag says something else than what is saved.
func (i *instance) compare(saved scheduler.PoolRecord, flag scheduler.Pool) {
	log := i.Log.WithField("pool", flag.Name)
	names, err := differences(saved.Pool, flag)
	switch {
	case err != nil:
		log.WithError(err).Warnf("pool %s cannot be compared with the saved one; what is saved counts", flag.Name)
	case saved.Deleted:
		log.Warnf("pool %s is being deleted, and --pool or --pools still name it: take it out there, or a later leader begins it anew", flag.Name)
	case len(names) > 0:
		log.Warnf("pool %s is saved already with other values of %s; what is saved counts, k8s-framework apply changes it",
			flag.Name, strings.Join(names, ", "))
	}
}

// differences names the fields in which two definitions of a pool differ.
func differences(a, b scheduler.Pool) ([]string, error) {
	left, err := fieldsOf(a)
	if err != nil {
		return nil, err
	}
	right, err := fieldsOf(b)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for name, value := range left {
		if !bytes.Equal(value, right[name]) {
			names[name] = true
		}
	}
	for name := range right {
		if _, there := left[name]; !there {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// fieldsOf is a pool as its record and its file have it, field by field.
func fieldsOf(pool scheduler.Pool) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(pool)
	if err != nil {
		return nil, fmt.Errorf("pool %q: %w", pool.Name, err)
	}
	var fields map[string]json.RawMessage
	return fields, json.Unmarshal(text, &fields)
}
