package helm

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const (
	chartDir  = "bridge"
	namespace = "push"
)

// release is the chart rendered with one set of values.
type release struct {
	values  map[string]any
	objects []runtime.Object
	texts   map[runtime.Object]string // as rendered, for what must not stand in it
	notes   string
}

// find returns the release's only object of type T; ok is false where there is
// none, and two are an error.
func find[T runtime.Object](t *testing.T, r *release) (found T, ok bool) {
	t.Helper()
	for _, o := range r.objects {
		if got, is := o.(T); is {
			if ok {
				t.Fatalf("two objects of type %T", got)
			}
			found, ok = got, true
		}
	}
	return found, ok
}

// must is find for an object that has to be there.
func must[T runtime.Object](t *testing.T, r *release) T {
	t.Helper()
	o, ok := find[T](t, r)
	if !ok {
		t.Fatalf("no object of type %T", o)
	}
	return o
}

// named returns the object of type T with this name.
func named[T runtime.Object](r *release, name string) (found T, ok bool) {
	for _, o := range r.objects {
		if got, is := o.(T); is && nameOf(o) == name {
			return got, true
		}
	}
	return found, false
}

func nameOf(o runtime.Object) string {
	m, err := meta.Accessor(o)
	if err != nil {
		panic(err) // every type of the scheme has metadata
	}
	return m.GetName()
}

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// cases returns the values files of the chart by name.
func cases(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chartDir, "ci", "*-values.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("values files: %q, %v", files, err)
	}
	all := map[string]map[string]any{}
	for _, f := range files {
		v, err := chartutil.ReadValuesFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(f), "-values.yaml")] = v
	}
	return all
}

// render does what helm template does, values schema included.
func render(t *testing.T, values map[string]any) (*release, error) {
	t.Helper()
	c := loadChart(t)
	all, err := chartutil.ToRenderValues(c, values,
		chartutil.ReleaseOptions{Name: "promo", Namespace: namespace, IsInstall: true}, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return nil, err
	}
	r := &release{values: values, texts: map[runtime.Object]string{}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch {
		case strings.HasSuffix(name, "NOTES.txt"):
			r.notes = files[name]
		case strings.HasSuffix(name, ".yaml"):
			r.decode(t, name, files[name])
		}
	}
	return r, nil
}

// mustRender renders values that are meant to be right.
func mustRender(t *testing.T, values map[string]any) *release {
	t.Helper()
	r, err := render(t, values)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// decode takes the documents of one file. Strict: a field that the type does
// not have, or has twice, is an error, as a server would only warn.
func (r *release) decode(t *testing.T, file, text string) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, core.AddToScheme, networking.AddToScheme, policy.AddToScheme, monitoring.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	docs := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if doc = bytes.TrimSpace(doc); len(doc) == 0 {
			continue
		}
		o, _, err := decoder.Decode(doc, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", file, err, doc)
		}
		r.objects = append(r.objects, o)
		r.texts[o] = string(doc)
	}
}
