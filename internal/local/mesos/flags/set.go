package flags

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Set is the flags of one program.
type Set struct {
	program string
	byName  map[string]*flag
}

type flag struct {
	name    string
	help    string
	value   string // as it will be or was given, "" for unset
	given   bool
	boolean bool
	set     func(string) error
}

// NewSet makes an empty set; program is named in the usage.
func NewSet(program string) *Set { return &Set{program: program, byName: map[string]*flag{}} }

func (s *Set) add(name, value, help string, boolean bool, set func(string) error) {
	if value != "" {
		if err := set(value); err != nil {
			panic(fmt.Sprintf("flags: the default of --%s: %v", name, err))
		}
	}
	s.byName[name] = &flag{name: name, help: help, value: value, boolean: boolean, set: set}
}

// String declares a flag that is taken as it is.
func (s *Set) String(p *string, name, value, help string) {
	*p = value
	s.add(name, value, help, false, func(v string) error { *p = v; return nil })
}

// Bool declares a flag of the forms --name, --no-name and --name=true.
func (s *Set) Bool(p *bool, name string, value bool, help string) {
	s.add(name, strconv.FormatBool(value), help, true, func(v string) (err error) {
		*p, err = parseBool(v)
		return err
	})
}

// Int declares a flag with a whole number.
func (s *Set) Int(p *int, name string, value int, help string) {
	s.add(name, strconv.Itoa(value), help, false, func(v string) (err error) {
		*p, err = strconv.Atoi(v)
		return err
	})
}

// Float declares a flag with a number.
func (s *Set) Float(p *float64, name string, value float64, help string) {
	s.add(name, strconv.FormatFloat(value, 'g', -1, 64), help, false, func(v string) (err error) {
		*p, err = strconv.ParseFloat(v, 64)
		return err
	})
}

// Duration declares a flag with a Mesos duration; value "" leaves 0 for a flag that was not given.
func (s *Set) Duration(p *time.Duration, name, value, help string) {
	*p = 0
	s.add(name, value, help, false, func(v string) (err error) {
		*p, err = ParseDuration(v)
		return err
	})
}

// Alias declares an older name of a flag that is declared already.
func (s *Set) Alias(old, name string) { s.byName[old] = s.byName[name] }

// Parse reads arguments (without the program's name) and the environment ("KEY=value"); an argument wins over the
// environment. The error is a sentence that names the flag.
func (s *Set) Parse(args, environ []string) error {
	if err := s.parseEnvironment(environ); err != nil {
		return err
	}
	seen := map[*flag]bool{}
	for _, arg := range args {
		if arg == "--" {
			break
		}
		text, isFlag := strings.CutPrefix(arg, "--")
		if !isFlag {
			continue // Mesos passes over it, too
		}
		name, value, hasValue := strings.Cut(text, "=")
		f, value, err := s.resolve(name, value, hasValue)
		if err != nil {
			return err
		}
		if seen[f] {
			return fmt.Errorf("Flag '%s' is already loaded via name '%s'", name, f.name)
		}
		seen[f] = true
		if err := f.load(name, value); err != nil {
			return err
		}
	}
	return nil
}

// resolve finds the flag of --name or --no-name.
func (s *Set) resolve(name, value string, hasValue bool) (*flag, string, error) {
	if f, ok := s.byName[name]; ok {
		if !hasValue && !f.boolean {
			return nil, "", fmt.Errorf("Failed to load non-boolean flag '%s': Missing value", name)
		}
		if !hasValue {
			value = "true"
		}
		return f, value, nil
	}
	if positive, ok := strings.CutPrefix(name, "no-"); ok {
		if f, ok := s.byName[positive]; ok {
			if !f.boolean {
				return nil, "", fmt.Errorf("Failed to load non-boolean flag '%s' via '%s'", positive, name)
			}
			if hasValue {
				return nil, "", fmt.Errorf("Failed to load boolean flag '%s' via '%s' with value '%s'", positive, name, value)
			}
			return f, "false", nil
		}
	}
	return nil, "", fmt.Errorf("Failed to load unknown flag '%s'", name)
}

func (s *Set) parseEnvironment(environ []string) error {
	for _, entry := range environ {
		key, value, _ := strings.Cut(entry, "=")
		name, ok := strings.CutPrefix(key, "MESOS_")
		if !ok {
			continue
		}
		if f, ok := s.byName[strings.ToLower(name)]; ok { // others are not ours to judge
			if err := f.load(strings.ToLower(name), value); err != nil {
				return err
			}
		}
	}
	return nil
}

// load sets a flag; a value file:///path is the content of that file.
func (f *flag) load(name, value string) error {
	if path, ok := strings.CutPrefix(value, "file://"); ok && name != "credentials" && name != "http_credentials" && name != "credential" {
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("Failed to load flag '%s': Failed to load value '%s': %w", name, value, err)
		}
		value = string(content)
	}
	if err := f.set(value); err != nil {
		return fmt.Errorf("Failed to load flag '%s': Failed to load value '%s': %w", name, value, err)
	}
	f.value, f.given = value, true
	return nil
}

// Given says whether the flag was set by an argument or by the environment.
func (s *Set) Given(name string) bool { return s.byName[name].given }

// Values are the flags that have a value, as text, by name: what GET_FLAGS shows.
func (s *Set) Values() map[string]string {
	values := map[string]string{}
	for name, f := range s.byName {
		if f.name == name && f.value != "" {
			values[name] = f.value
		}
	}
	return values
}

// Usage is what the programs print to stderr before they exit with code 1: the error, then every flag with its help.
func (s *Set) Usage(err error) string {
	var b strings.Builder
	if err != nil {
		fmt.Fprintf(&b, "%v\n\n", err)
	}
	fmt.Fprintf(&b, "Usage: %s [options]\n\n", s.program)
	names := make([]string, 0, len(s.byName))
	for name := range s.byName {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		f := s.byName[name]
		form := "--" + name + "=VALUE"
		if f.boolean {
			form = "--[no-]" + name
		}
		help := f.help
		if f.name != name {
			help = "Older name of --" + f.name + "."
		} else if f.value != "" {
			help += " (default: " + f.value + ")"
		}
		fmt.Fprintf(&b, "  %-44s %s\n", form, help)
	}
	return b.String()
}

func parseBool(v string) (bool, error) {
	switch v {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("Expecting a boolean (e.g., true or false)")
}
