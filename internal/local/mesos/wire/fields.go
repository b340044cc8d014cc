package wire

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/gogo/protobuf/proto"
)

// field is what a protobuf tag of a message's Go struct says about one field.
type field struct {
	index    int
	number   int
	name     string
	required bool
	repeated bool
	enum     string // the enum's name in the registry, "" for no enum
	def      string // the declared default, as in the tag
	hasDef   bool
}

// message is a struct type's fields in the order of their declaration.
type message struct {
	fields []field
	byName map[string]*field
}

// messages caches what reflection found out; it is filled on first use and never changes an entry.
type messages struct {
	cache sync.Map // reflect.Type → *message
}

var known messages

// deprecatedDefaults are the fields with a default that Mesos does not write when they are not set, because they are
// deprecated. The tag does not say so.
func deprecatedDefault(t reflect.Type, name string) bool {
	return name == "role" && (t.Name() == "FrameworkInfo" || t.Name() == "Resource")
}

func (c *messages) of(t reflect.Type) *message {
	if m, ok := c.cache.Load(t); ok {
		return m.(*message)
	}
	m := &message{byName: map[string]*field{}}
	for i := range t.NumField() {
		if tag, ok := t.Field(i).Tag.Lookup("protobuf"); ok {
			m.fields = append(m.fields, parseTag(t, i, tag))
		}
	}
	sort.SliceStable(m.fields, func(i, j int) bool { return m.fields[i].index < m.fields[j].index })
	for i := range m.fields {
		m.byName[m.fields[i].name] = &m.fields[i]
	}
	actual, _ := c.cache.LoadOrStore(t, m)
	return actual.(*message)
}

// parseTag reads a tag such as "bytes,1,req,name=task_id,json=taskId".
func parseTag(t reflect.Type, index int, tag string) field {
	f := field{index: index}
	if before, def, ok := strings.Cut(tag, ",def="); ok { // always last; may hold commas
		f.def, f.hasDef, tag = def, true, before
	}
	for i, part := range strings.Split(tag, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch {
		case i == 1:
			f.number, _ = strconv.Atoi(part)
		case key == "req":
			f.required = true
		case key == "rep":
			f.repeated = true
		case key == "name":
			f.name = value
		case key == "enum":
			f.enum = value
		}
	}
	f.hasDef = f.hasDef && !deprecatedDefault(t, f.name)
	return f
}

// enumValue looks up an enum's value by its name.
func enumValue(enum, name string) (int32, bool) {
	v, ok := proto.EnumValueMap(enum)[name]
	return v, ok
}

// enumName is an enum value's name. Values that mesos-go does not know yet have their names here.
func enumName(v reflect.Value, known fmt.Stringer) string {
	if v.Int() == 3 && v.Type().Name() == "MasterInfo_Capability_Type" {
		return "QUOTA_V2"
	}
	return known.String()
}
