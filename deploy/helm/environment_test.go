package helm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"

	"github.com/google/go-cmp/cmp"
	"pushbridge/internal/config"
)

// files are what Secrets and ConfigMaps that the chart does not make have in
// them, as values.yaml tells their owners.
var files = map[string]string{
	"push-secret-key":        "of the existing secret",
	"push-secret-key-alerts": "of the existing secret",
	"kafka-sasl-password":    "of the existing secret",
	"rules.yaml":             "version: 1",
	"ca.crt":                 "PEM",
	"tls.crt":                "PEM",
	"tls.key":                "PEM",
}

// sameSecret lets go-cmp see what Secret hides.
var sameSecret = cmp.Comparer(func(a, b config.Secret) bool { return a.Reveal() == b.Reveal() })

// mount lays out the container's volumes below a new folder, as the kubelet
// would, and returns it.
func mount(t *testing.T, r *release, pod core.PodSpec) string {
	t.Helper()
	root := t.TempDir()
	sources := map[string]map[string]string{}
	for _, v := range pod.Volumes {
		data := files
		switch {
		case v.Secret != nil:
			if s, ok := named[*core.Secret](r, v.Secret.SecretName); ok {
				data = map[string]string{}
				for k, b := range s.Data {
					data[k] = string(b)
				}
			}
		case v.ConfigMap != nil:
			if m, ok := named[*core.ConfigMap](r, v.ConfigMap.Name); ok {
				data = m.Data
			}
		default:
			data = nil
		}
		sources[v.Name] = data
	}
	for _, m := range pod.Containers[0].VolumeMounts {
		data, ok := sources[m.Name]
		if !ok {
			t.Errorf("mount %s has no volume", m.Name)
		}
		dir := filepath.Join(root, m.MountPath)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range data {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

// load hands the environment of the chart's container to the bridge's own
// configuration, with every file where the container would have it.
func load(t *testing.T, values map[string]any) (config.Config, *apps.Deployment) {
	t.Helper()
	r := mustRender(t, values)
	d := must[*apps.Deployment](t, r)
	root := mount(t, r, d.Spec.Template.Spec)
	var environ []string
	for _, e := range d.Spec.Template.Spec.Containers[0].Env {
		if strings.HasPrefix(e.Value, "/etc/bridge/") {
			e.Value = filepath.Join(root, e.Value)
			if _, err := os.Stat(e.Value); err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
		}
		environ = append(environ, e.Name+"="+e.Value)
	}
	c, warnings, err := config.Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings { // a variable that the bridge does not have
		t.Error(w)
	}
	// Where a file lies is not the program's business.
	for _, path := range []*string{&c.RulesFile, &c.Kafka.TLSCAFile, &c.Kafka.TLSCertFile, &c.Kafka.TLSKeyFile} {
		*path = strings.TrimPrefix(*path, root)
	}
	return c, d
}

// defaults is what the bridge runs with where only what must be given is given.
func defaults(t *testing.T, edit func(*config.Config)) config.Config {
	t.Helper()
	c, _, err := config.Load([]string{
		"BRIDGE_KAFKA_BROKERS=kafka:9092", "BRIDGE_KAFKA_TOPICS=member.promo", "BRIDGE_RULES_FILE=/etc/bridge/rules/rules.yaml",
		"BRIDGE_PUSH_SDKAPPID=1400000000", "BRIDGE_PUSH_IDENTIFIER=administrator", "BRIDGE_PUSH_SECRET_KEY=not-a-real-key",
		"BRIDGE_PUSH_REGION=singapore",
	})
	if err != nil {
		t.Fatal(err)
	}
	edit(&c)
	return c
}

func TestTheBridgeRunsWithTheChartsEnvironment(t *testing.T) {
	t.Attr("guards", "what the values say is what the bridge is told, and the chart's defaults are the bridge's")
	t.Parallel()
	want := map[string]func(*config.Config){
		"minimal": func(*config.Config) {},
		"existing": func(c *config.Config) {
			c.Kafka.Brokers = []string{"kafka.example.com:9093"}
			c.Kafka.SASLMechanism, c.Kafka.SASLUsername = "PLAIN", "alice"
			c.Kafka.SASLPassword = config.NewSecret("of the existing secret")
			c.Kafka.TLSEnabled, c.Kafka.TLSCAFile = true, "/etc/bridge/kafka-ca/ca.crt"
			c.Push.SecretKey, c.Push.Region = config.NewSecret("of the existing secret"), "china"
			alerts := c.Push
			alerts.SDKAppID = 1400000001
			c.LaneNames, c.Lanes = []string{"alerts"}, []config.Lane{{Name: "alerts", Push: alerts}}
		},
		"full": func(c *config.Config) {
			c.Kafka.Brokers = []string{"kafka-0.example.com:9093", "kafka-1.example.com:9093"}
			c.Kafka.Topics = []string{"member.promo", "region.alert"}
			c.Kafka.Group, c.Kafka.ResultsTopic = "promo", "promo.results"
			c.Kafka.DLQTopic, c.Kafka.JournalTopic = "promo.dlq", "promo.journal"
			c.Kafka.SASLMechanism, c.Kafka.SASLUsername = "SCRAM-SHA-512", "alice"
			c.Kafka.SASLPassword = config.NewSecret("not-a-real-password")
			c.Kafka.TLSEnabled, c.Kafka.TLSCAFile = true, "/etc/bridge/kafka-ca/ca.crt"
			c.Kafka.TLSCertFile, c.Kafka.TLSKeyFile = "/etc/bridge/kafka-client/tls.crt", "/etc/bridge/kafka-client/tls.key"
			c.Kafka.TLSServerName = "kafka.example.com"
			c.Push.SDKAppID, c.Push.Region, c.Push.URL = 4294967295, "", "https://push.example.com"
			c.Push.Quota, c.Push.Interval = 100_000, 1500*time.Millisecond
			c.Pipeline.MaxPending = 50_000
			alerts, promo := c.Push, c.Push
			alerts.SDKAppID, alerts.SecretKey, alerts.Identifier = 1400000001, config.NewSecret("not-a-real-key-of-alerts"), "other"
			alerts.Region, alerts.URL, alerts.Quota, alerts.Interval = "frankfurt", "", 50, 2*time.Second
			promo.SDKAppID, promo.SecretKey, promo.Quota = 1400000002, config.NewSecret("not-a-real-key-either"), 100
			c.LaneNames = []string{"alerts", "promo-eu"}
			c.Lanes = []config.Lane{{Name: "alerts", Push: alerts}, {Name: "promo-eu", Push: promo}}
			c.LogLevel, c.LogFormat = -4, "text"
		},
	}
	for name, values := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, d := load(t, values)
			if diff := cmp.Diff(defaults(t, want[name]), got, sameSecret); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
			if args := d.Spec.Template.Spec.Containers[0].Args; len(args) != 1 || args[0] != "run" {
				t.Errorf("args = %q, want run", args)
			}
			grace := time.Duration(*d.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
			if grace <= got.StopWithin {
				t.Errorf("killed after %v, but stopping may take %v", grace, got.StopWithin)
			}
		})
	}
}
