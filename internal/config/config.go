package config

import (
	"log/slog"
	"time"
)

// Prefix stands before the name of every variable.
const Prefix = "BRIDGE_"

// Config is what `bridge run` is told by its environment. The tag desc is the
// variable's documentation, which `bridge env` prints.
type Config struct {
	Kafka    Kafka    `envPrefix:"KAFKA_"`
	Push     Push     `envPrefix:"PUSH_"`
	Pipeline Pipeline `envPrefix:""`

	LaneNames []string `env:"LANES" desc:"more apps of the push API, as the rule file names their lanes, separated by commas; BRIDGE_LANE_<NAME>_* configure each, with the name in capitals and _ for -"`
	Lanes     []Lane   `env:"-"` // of LaneNames

	RulesFile       string        `env:"RULES_FILE,required,notEmpty" desc:"the rule file (YAML)"`
	ShadowRulesFile string        `env:"SHADOW_RULES_FILE" desc:"a candidate rule file that is played beside the live one, without calls; /api/v1/shadow and bridge promote say what it would do otherwise"`
	HTTPAddr        string        `env:"HTTP_ADDR" envDefault:":8080" desc:"where probes, metrics, the console page, profiles and /api/v1 are served; approve and promote answer only who is on the same machine"`
	LogLevel        slog.Level    `env:"LOG_LEVEL" envDefault:"INFO" desc:"DEBUG, INFO, WARN or ERROR"`
	LogFormat       string        `env:"LOG_FORMAT" envDefault:"json" desc:"json or text"`
	StopWithin      time.Duration `env:"STOP_WITHIN" envDefault:"25s" desc:"after SIGTERM: how long the call in flight, its records and the commit may take"`
}

// Kafka says which brokers and topics, and how to be let in.
type Kafka struct {
	Brokers      []string `env:"BROKERS,required,notEmpty" desc:"host:port of one or more brokers, separated by commas"`
	Topics       []string `env:"TOPICS,required,notEmpty" desc:"topics with CloudEvents to read, separated by commas"`
	Group        string   `env:"GROUP" envDefault:"bridge" desc:"consumer group; its own, shared with nothing but other instances"`
	ResultsTopic string   `env:"RESULTS_TOPIC" envDefault:"bridge.results" desc:"where every event's disposition and every push's outcome goes, as CloudEvents"`
	DLQTopic     string   `env:"DLQ_TOPIC" envDefault:"bridge.dlq" desc:"where events that cannot be mapped and requests refused for good go"`
	JournalTopic string   `env:"JOURNAL_TOPIC" envDefault:"bridge.journal" desc:"the bridge's memory: one partition, never compacted, kept for at least 26 hours, and an hour longer than the longest expire_after and the dedup window"`
	ReplayTopic  string   `env:"REPLAY_TOPIC" envDefault:"bridge.replay" desc:"where bridge replay writes events that come again; read beside BRIDGE_KAFKA_TOPICS"`
	CreateTopics bool     `env:"CREATE_TOPICS" envDefault:"true" desc:"create missing results, dead-letter, journal and replay topics"`

	SASLMechanism string `env:"SASL_MECHANISM" desc:"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty: none"`
	SASLUsername  string `env:"SASL_USERNAME" desc:"user of the SASL mechanism"`
	SASLPassword  Secret `env:"SASL_PASSWORD" desc:"password of the SASL mechanism"`

	TLSEnabled    bool   `env:"TLS_ENABLED" desc:"speak TLS (1.2 or later) to the brokers"`
	TLSCAFile     string `env:"TLS_CA_FILE" desc:"PEM file of the authorities to trust instead of the system's"`
	TLSCertFile   string `env:"TLS_CERT_FILE" desc:"PEM file of the client certificate, where the brokers want one"`
	TLSKeyFile    string `env:"TLS_KEY_FILE" desc:"PEM file of the client certificate's key"`
	TLSServerName string `env:"TLS_SERVER_NAME" desc:"name in the brokers' certificate, where it is not their host name"`

	SessionTimeout    time.Duration `env:"SESSION_TIMEOUT" envDefault:"30s" desc:"without a heartbeat for this long, a standby takes over"`
	RebalanceTimeout  time.Duration `env:"REBALANCE_TIMEOUT" envDefault:"60s" desc:"how long the group waits for a member to finish its call"`
	HeartbeatInterval time.Duration `env:"HEARTBEAT_INTERVAL" envDefault:"1s" desc:"time between heartbeats to the group, by which a standby learns that it is its turn"`
	Timeout           time.Duration `env:"TIMEOUT" envDefault:"5s" desc:"deadline of one request to a broker"`
}

// Push says which app of the push API, and what may be spent.
type Push struct {
	SDKAppID    uint32        `env:"SDKAPPID,required" desc:"the app's id"`
	Identifier  string        `env:"IDENTIFIER,required,notEmpty" desc:"an administrator account of the app, in whose name calls are made"`
	SecretKey   Secret        `env:"SECRET_KEY,required,notEmpty" desc:"the app's key, which signs calls"`
	Region      string        `env:"REGION" desc:"china, singapore, seoul, frankfurt, silicon-valley, jakarta or tokyo; this or BRIDGE_PUSH_URL"`
	URL         string        `env:"URL" desc:"base URL of the API, for any other domain; this or BRIDGE_PUSH_REGION"`
	CAFile      string        `env:"CA_FILE" desc:"PEM file of the authorities to trust instead of the system's"`
	Dialect     string        `env:"DIALECT" envDefault:"chat" desc:"the API's contract: chat (with MsgBody), the only one in this version"`
	Quota       int           `env:"QUOTA" envDefault:"100" desc:"calls allowed in any 24 hours"`
	Interval    time.Duration `env:"INTERVAL" envDefault:"1s" desc:"more than this lies between a response and the next call"`
	Margin      time.Duration `env:"MARGIN" envDefault:"100ms" desc:"kept on top of the interval"`
	CallTimeout time.Duration `env:"TIMEOUT" envDefault:"10s" desc:"deadline of one call; the API's backend gives up after 3 s"`
	MaxBytes    int           `env:"MAX_REQUEST_BYTES" envDefault:"8000" desc:"largest request; the API refuses more than 10 K, older revisions 8 K"`
	BreakAfter  uint32        `env:"BREAKER_FAILURES" envDefault:"5" desc:"failed calls in a row that open the breaker"`
	BreakFor    time.Duration `env:"BREAKER_OPEN" envDefault:"1m" desc:"how long the open breaker lets no call through"`
}

// Pipeline bounds what waits between Kafka and the API.
type Pipeline struct {
	MaxPending     int           `env:"MAX_PENDING" envDefault:"100000" desc:"fetching pauses when this many intents wait, and resumes at three quarters"`
	MaxEventBytes  int           `env:"MAX_EVENT_BYTES" envDefault:"1048576" desc:"larger records are dead-lettered"`
	BareStructured bool          `env:"ACCEPT_BARE_STRUCTURED" desc:"read records without a content-type header as structured CloudEvents"`
	DedupWindow    time.Duration `env:"DEDUP_WINDOW" envDefault:"24h" desc:"an event with the source and id of one seen within this is a duplicate"`
	DedupMax       int           `env:"DEDUP_MAX" envDefault:"1000000" desc:"identities remembered for that, at most; the oldest go first"`
	Settle         time.Duration `env:"SETTLE" envDefault:"2s" desc:"how long a critical event may wait for others of the same alert while calls are plenty"`
	EventPrefix    string        `env:"RESULTS_TYPE_PREFIX" desc:"reverse DNS name before the types of result events: com.example makes com.example.bridge.event.disposed.v1"`
	ResultsBinary  bool          `env:"RESULTS_BINARY" desc:"write result events in binary mode instead of structured"`
}
