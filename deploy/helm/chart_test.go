package helm

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/google/go-cmp/cmp"
)

func TestChartLints(t *testing.T) {
	t.Attr("guards", "the chart is well formed")
	t.Parallel()
	for name, values := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, m := range lint.All(chartDir, values, namespace, true).Messages {
				if m.Severity > support.InfoSev {
					t.Error(m)
				}
			}
		})
	}
}

func TestEveryObjectIsTheOneMeant(t *testing.T) {
	t.Attr("guards", "the chart makes what the values ask for, in its namespace, each once")
	t.Parallel()
	want := map[string][]string{
		"minimal": {
			"ConfigMap/promo-bridge-rules", "Deployment/promo-bridge", "Pod/promo-bridge-check-rules",
			"PodDisruptionBudget/promo-bridge", "Secret/promo-bridge", "Service/promo-bridge", "ServiceAccount/promo-bridge",
		},
		"existing": {"Deployment/promo-bridge", "Service/promo-bridge"},
		"full": {
			"ConfigMap/promo-bridge-kafka-ca", "ConfigMap/promo-bridge-rules", "ConfigMap/promo-bridge-text", "ConfigMap/promo-extra",
			"Deployment/promo-bridge", "NetworkPolicy/promo-bridge", "Pod/promo-bridge-check-rules", "PodDisruptionBudget/promo-bridge",
			"Secret/promo-bridge", "Service/promo-bridge", "ServiceAccount/promo", "ServiceMonitor/promo-bridge",
		},
	}
	for name, values := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for o := range mustRender(t, values).texts {
				got = append(got, o.GetObjectKind().GroupVersionKind().Kind+"/"+nameOf(o))
			}
			slices.Sort(got)
			if diff := cmp.Diff(want[name], got); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
		})
	}
}

// The rule of Kubernetes' restricted Pod Security Standard, and three of ours: a
// file system that is only read, no token for an API it never calls, and no
// variables of other people's services, which could begin with BRIDGE_.
func TestPodsAreRestricted(t *testing.T) {
	t.Attr("guards", "the bridge runs where only restricted pods may")
	t.Parallel()
	for name, values := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for pod, spec := range podSpecs(mustRender(t, values)) {
				for _, problem := range unrestricted(spec) {
					t.Errorf("%s: %s", pod, problem)
				}
			}
		})
	}
}

func podSpecs(r *release) map[string]core.PodSpec {
	specs := map[string]core.PodSpec{}
	for _, o := range r.objects {
		switch o := o.(type) {
		case *apps.Deployment:
			specs["Deployment/"+o.Name] = o.Spec.Template.Spec
		case *core.Pod:
			specs["Pod/"+o.Name] = o.Spec
		}
	}
	return specs
}

func unrestricted(s core.PodSpec) (problems []string) {
	check := func(ok bool, what string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Sprintf(what, args...))
		}
	}
	isTrue := func(b *bool) bool { return b != nil && *b }
	isFalse := func(b *bool) bool { return b != nil && !*b }
	check(isFalse(s.AutomountServiceAccountToken), "mounts a service account token")
	check(isFalse(s.EnableServiceLinks), "has the addresses of all services in its environment")
	check(!s.HostNetwork && !s.HostPID && !s.HostIPC, "shares a namespace with the host")
	if p := s.SecurityContext; p == nil {
		check(false, "has no pod security context")
	} else {
		check(isTrue(p.RunAsNonRoot) && p.RunAsUser != nil && *p.RunAsUser > 0, "may run as root")
		check(p.SeccompProfile != nil && p.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault, "has no seccomp profile")
	}
	for _, v := range s.Volumes {
		check(v.HostPath == nil, "volume %s is of the host", v.Name)
	}
	check(len(s.Containers) > 0, "has no container")
	for _, c := range s.Containers {
		if c.SecurityContext == nil || c.SecurityContext.Capabilities == nil {
			check(false, "%s has no security context or capabilities", c.Name)
			continue
		}
		check(isFalse(c.SecurityContext.AllowPrivilegeEscalation), "%s may gain privileges", c.Name)
		check(isTrue(c.SecurityContext.ReadOnlyRootFilesystem), "%s may write to its file system", c.Name)
		check(slices.Equal(c.SecurityContext.Capabilities.Drop, []core.Capability{"ALL"}) && len(c.SecurityContext.Capabilities.Add) == 0,
			"%s keeps capabilities", c.Name)
	}
	return problems
}

func TestEveryoneFindsThePort(t *testing.T) {
	t.Attr("guards", "probes, service, monitor, policy and budget mean the same pods and the same port")
	t.Parallel()
	for name, values := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mustRender(t, values)
			d := must[*apps.Deployment](t, r)
			service := must[*core.Service](t, r)
			c := d.Spec.Template.Spec.Containers[0]
			if diff := cmp.Diff([]core.ContainerPort{{Name: "http", ContainerPort: 8080}}, c.Ports); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
			for path, probe := range map[string]*core.Probe{"/livez": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
				if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || probe.HTTPGet.Port.String() != "http" {
					t.Errorf("probe %s: %+v, want an HTTP GET on port http", path, probe)
				}
			}
			if got := service.Spec.Ports[0].TargetPort.String(); got != "http" {
				t.Errorf("service leads to port %q, want http", got)
			}

			selectors := map[string]map[string]string{
				"deployment": d.Spec.Selector.MatchLabels,
				"service":    service.Spec.Selector,
			}
			if o, ok := find[*policy.PodDisruptionBudget](t, r); ok {
				selectors["budget"] = o.Spec.Selector.MatchLabels
			}
			if o, ok := find[*networking.NetworkPolicy](t, r); ok {
				selectors["network policy"] = o.Spec.PodSelector.MatchLabels
			}
			for who, selector := range selectors {
				s := labels.SelectorFromSet(selector)
				if s.Empty() || !s.Matches(labels.Set(d.Spec.Template.Labels)) {
					t.Errorf("%s selects %v, pods are %v", who, s, d.Spec.Template.Labels)
				}
				if pod, ok := find[*core.Pod](t, r); ok && s.Matches(labels.Set(pod.Labels)) {
					t.Errorf("%s selects the pod of helm test, which serves nothing", who)
				}
			}
			if o, ok := find[*monitoring.ServiceMonitor](t, r); ok {
				s := labels.SelectorFromSet(o.Spec.Selector.MatchLabels)
				if s.Empty() || !s.Matches(labels.Set(service.Labels)) || o.Spec.Endpoints[0].Port != service.Spec.Ports[0].Name {
					t.Errorf("monitor selects %v port %s, the service is %v", s, o.Spec.Endpoints[0].Port, service.Labels)
				}
			}
		})
	}
}

func TestSecretsStandInSecretsOnly(t *testing.T) {
	t.Attr("guards", "no secret in an environment, a ConfigMap or the notes")
	t.Parallel()
	values := cases(t)["full"]
	secrets := []string{"not-a-real-key", "not-a-real-password"}
	r := mustRender(t, values)

	for name, want := range map[string]string{"push-secret-key": secrets[0], "kafka-sasl-password": secrets[1]} {
		if got := string(must[*core.Secret](t, r).Data[name]); got != want {
			t.Errorf("secret %s = %q, want %q", name, got, want)
		}
	}
	for _, s := range secrets {
		if strings.Contains(r.notes, s) {
			t.Errorf("the notes print %s", s)
		}
		for o, text := range r.texts {
			if _, ok := o.(*core.Secret); !ok && strings.Contains(text, s) {
				t.Errorf("%s stands in\n%s", s, text)
			}
		}
	}
}
