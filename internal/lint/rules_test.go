package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "k8s-framework/"

// source is one Go file and what it imports.
type source struct {
	dir     string // from the root, with slashes
	name    string
	test    bool
	imports []string
	file    *ast.File
}

// ours lists the imports from this module, without the module's name.
func (s source) ours() []string {
	var found []string
	for _, path := range s.imports {
		if inside, ok := strings.CutPrefix(path, module); ok {
			found = append(found, inside)
		}
	}
	return found
}

// in reports whether the file is in the folder or below it.
func (s source) in(folder string) bool {
	return s.dir == folder || strings.HasPrefix(s.dir, folder+"/")
}

func sources(t *testing.T) []source {
	root := filepath.Join("..", "..")
	var found []source
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name == "bin" || name == "testdata" || inside == "tools" || (strings.HasPrefix(name, ".") && inside != ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		s := source{dir: filepath.ToSlash(filepath.Dir(inside)), name: entry.Name(), test: strings.HasSuffix(path, "_test.go"), file: file}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, imported)
		}
		found = append(found, s)
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, len(found), 50, "the walk over the sources found too few of them")
	return found
}

// The core decides and touches nothing: the standard library only, and of that nothing that does, waits or guesses.
func TestSchedulerIsPure(t *testing.T) {
	forbidden := []string{"net", "os", "context", "log", "sync", "math/rand", "io/fs", "syscall", "runtime"}
	for _, s := range sources(t) {
		if !s.in("scheduler") || s.test {
			continue
		}
		for _, path := range s.imports {
			require.NotContains(t, strings.Split(path, "/")[0], ".", "%s imports %s: the core uses the standard library only", s.name, path)
			require.Empty(t, s.ours(), "%s imports our %s: the core knows nobody", s.name, path)
			for _, bad := range forbidden {
				require.False(t, path == bad || strings.HasPrefix(path, bad+"/"), "%s imports %s: the core decides, it does nothing", s.name, path)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := call.X.(*ast.Ident); ok && pkg.Name == "time" {
					require.NotContains(t, []string{"Now", "Since", "Until", "Sleep", "After", "Tick", "NewTimer", "NewTicker"}, call.Sel.Name,
						"%s uses time.%s: time is an argument of Step", s.name, call.Sel.Name)
				}
			}
			if _, ok := n.(*ast.GoStmt); ok {
				require.Fail(t, s.name+" starts a goroutine: the core is one function")
			}
			return true
		})
	}
}

// Adapters speak to one outside world each and not to each other.
func TestAdaptersDoNotKnowEachOther(t *testing.T) {
	adapters := []string{"internal/mesos", "internal/kube", "zk"}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, own := range adapters {
			if !s.in(own) {
				continue
			}
			for _, imported := range s.ours() {
				allowed := imported == "scheduler" || imported == own || strings.HasPrefix(imported, own+"/")
				require.True(t, allowed, "%s/%s imports %s: an adapter knows the core's words and itself", s.dir, s.name, imported)
			}
		}
	}
}

// The framework names adapters only where it wires them; its loop sees interfaces it owns.
func TestFrameworkNamesAdaptersOnlyWhereItWiresThem(t *testing.T) {
	// run.go wires; launch.go says what an executor is, in the words of both who need it.
	wiring := []string{"run.go", "launch.go"}
	for _, s := range sources(t) {
		if s.dir != "framework" || s.test || slices.Contains(wiring, s.name) {
			continue
		}
		for _, imported := range s.ours() {
			require.Equal(t, "scheduler", imported, "framework/%s imports %s: only %v know the adapters", s.name, imported, wiring)
		}
	}
}

// The executor and the scheduler meet on the wire only, in internal/kubelet's Spec.
func TestExecutorDoesNotKnowTheScheduler(t *testing.T) {
	for _, s := range sources(t) {
		if !s.in("executor") && !s.in("internal/kubelet") && !s.in("internal/kube/drain") && !s.in("internal/mesos/execapi") {
			continue
		}
		for _, imported := range s.ours() {
			require.NotContains(t, []string{"scheduler", "framework"}, imported, "%s/%s", s.dir, s.name)
		}
	}
}

// A command translates flags for one package; the operator's commands have their own.
func TestCommandsTranslate(t *testing.T) {
	allowed := map[string][]string{
		"cmd/k8s-framework": {"framework", "internal/operator"},
		"cmd/k8s-executor":  {"executor"},
	}
	seen := map[string]bool{}
	for _, s := range sources(t) {
		for _, imported := range s.ours() {
			require.False(t, imported == "cmd" || strings.HasPrefix(imported, "cmd/"), "%s/%s imports %s", s.dir, s.name, imported)
		}
		if !s.in("cmd") || s.test {
			continue
		}
		seen[s.dir] = true
		for _, imported := range s.ours() {
			require.Contains(t, allowed[s.dir], imported, "%s/%s", s.dir, s.name)
		}
	}
	require.Len(t, seen, len(allowed), "commands found: %v", seen)
}

// What plays the outside world is for the demo and the tests.
func TestOnlyTestsAndDemoUseTheLocalWorld(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.in("internal/local") || s.in("examples") || s.in("test") {
			continue
		}
		for _, imported := range s.ours() {
			require.False(t, strings.HasPrefix(imported, "internal/local"), "%s/%s imports %s", s.dir, s.name, imported)
		}
	}
}

// Processes end in main, and only the framework, the executor and what starts processes for tests may log.
func TestNobodyElseEndsTheProcessOrLogs(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.file.Name.Name == "main" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := call.X.(*ast.Ident); ok && pkg.Name == "os" {
				require.NotEqual(t, "Exit", call.Sel.Name, "%s/%s ends the process", s.dir, s.name)
			}
			return true
		})
		if s.in("scheduler") || s.in("zk") || (s.in("internal") && !s.in("internal/local")) {
			require.NotContains(t, s.imports, "github.com/sirupsen/logrus", "%s/%s logs: it returns what there is to say", s.dir, s.name)
		}
	}
}

// No package is a drawer.
func TestPackagesAreNamedAfterWhatTheyAre(t *testing.T) {
	for _, s := range sources(t) {
		require.NotContains(t, []string{"pkg", "util", "utils", "common", "types", "helpers", "manager"}, s.file.Name.Name, "%s/%s", s.dir, s.name)
	}
}

// Every package says what it is for.
func TestPackagesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			documented[s.dir] = documented[s.dir] || s.file.Doc != nil
		}
	}
	for dir, done := range documented {
		require.True(t, done, "package in %s has no package comment", dir)
	}
}
