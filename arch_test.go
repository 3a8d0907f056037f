// Package pushbridge_test holds what must be true of the module as a whole: who
// links whom. The linter depguard judges single imports; these tests judge what
// a package ends up linking, by whatever way.
package pushbridge_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	ours  = "pushbridge"
	kfake = "github.com/twmb/franz-go/pkg/kfake"
)

// linked returns what pkg links apart from the standard library, itself not
// counted, sorted.
func linked(t *testing.T, pkg string) []string {
	t.Helper()
	return slices.DeleteFunc(list(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg),
		func(s string) bool { return s == pkg })
}

// list returns the lines that go list prints for args, sorted, none empty.
func list(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &stderr)
	}
	lines := strings.Fields(string(out))
	slices.Sort(lines)
	return lines
}

// What a pure package links, in full: an argument for each word here was made
// in the design, and one for a new word is owed there.
func TestPurePackagesLinkNothingElse(t *testing.T) {
	t.Attr("guards", "the pure core has no third party, no clock and no I/O")
	t.Parallel()

	for pkg, want := range map[string][]string{
		"audience": nil,
		"offset":   nil,
		"intent":   {ours + "/internal/audience", ours + "/internal/offset"},
		"limiter":  {ours + "/internal/audience", ours + "/internal/intent", ours + "/internal/offset"},
	} {
		t.Run(pkg, func(t *testing.T) {
			t.Parallel()
			for _, got := range linked(t, ours+"/internal/"+pkg) {
				if !slices.Contains(want, got) {
					t.Errorf("%s links %s, allowed: the standard library and %q", pkg, got, want)
				}
			}
			// fmt links os, so only what the package names itself can be judged.
			for _, got := range list(t, "-f", `{{join .Imports " "}}`, ours+"/internal/"+pkg) {
				for _, impure := range []string{"context", "io/fs", "log", "net", "os", "sync", "syscall"} {
					if got == impure || strings.HasPrefix(got, impure+"/") {
						t.Errorf("%s imports %s: it does no I/O, waits for nobody and logs nothing", pkg, got)
					}
				}
			}
		})
	}
}

// The simulator reads the wire from the API's page and not from our client, so
// that one misreading cannot pass on both sides. The others are put together
// by cmd alone.
func TestThesePackagesLinkNothingOfOurs(t *testing.T) {
	t.Attr("guards", "the simulator cannot share a mistake with the client")
	t.Parallel()

	for _, pkg := range []string{"pushapi/pushsim", "config", "console", "watch", "devkafka", "kafkatest"} {
		t.Run(pkg, func(t *testing.T) {
			t.Parallel()
			for _, got := range linked(t, ours+"/internal/"+pkg) {
				if got == ours || strings.HasPrefix(got, ours+"/") {
					t.Errorf("%s links %s, allowed: nothing of ours", pkg, got)
				}
			}
		})
	}
}

// The embedded broker is for the demo, the benchmark and tests: a stage that
// links it would carry a second Kafka client.
func TestOnlyDemoAndBenchmarkLinkTheEmbeddedBroker(t *testing.T) {
	t.Attr("guards", "the running pipeline does not link the embedded Kafka")
	t.Parallel()

	may := []string{ours + "/internal/devkafka", ours + "/cmd/bridge", ours + "/bench/throughput"}
	seen := 0
	for _, line := range list(t, "-f", `{{.ImportPath}}={{range .Deps}}{{.}},{{end}}`, "./...") {
		pkg, deps, _ := strings.Cut(line, "=")
		if !slices.Contains(strings.Split(deps, ","), kfake) {
			continue
		}
		seen++
		if !slices.Contains(may, pkg) {
			t.Errorf("%s links %s, allowed: %q", pkg, kfake, may)
		}
	}
	if seen != len(may) {
		t.Errorf("%d packages link %s, want %q: is the name still right?", seen, kfake, may)
	}
}

// What helps tests is for tests: a program that links it would link testing too.
func TestOnlyTestsImportTestHelpers(t *testing.T) {
	t.Attr("guards", "no program links test helpers")
	t.Parallel()

	packages := list(t, "-f", `{{.ImportPath}}={{range .Imports}}{{.}},{{end}}={{range .TestImports}}{{.}},{{end}}{{range .XTestImports}}{{.}},{{end}}`, "./...")
	for helper, least := range map[string]int{ours + "/internal/kafkatest": 4, ours + "/internal/browsertest": 2} {
		users := 0
		for _, line := range packages {
			parts := strings.Split(line, "=")
			if slices.Contains(strings.Split(parts[1], ","), helper) && parts[0] != ours+"/internal/browsertest" {
				t.Errorf("%s imports %s, allowed: tests", parts[0], helper)
			}
			if slices.Contains(strings.Split(parts[2], ","), helper) {
				users++
			}
		}
		if users < least {
			t.Errorf("the tests of %d packages import %s, want %d or more: is the name still right?", users, helper, least)
		}
	}
}
