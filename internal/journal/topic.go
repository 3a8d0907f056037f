package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// usualRetention is what Ensure creates the topic with where no more is needed: a
// long weekend's outage, and audits of last week.
const usualRetention = 7 * 24 * time.Hour

// retention is what the topic must keep, and what it is created with.
func (c Config) retention() (least, usual time.Duration) {
	least = max(Window, c.Keep) + margin
	return least, max(usualRetention, least)
}

// TopicError says why a topic cannot hold the journal.
type TopicError struct {
	Topic string
	Why   string // what is wrong with it
	Do    string // what a person does now
}

// Error names the topic, what is wrong and the mend.
func (e *TopicError) Error() string {
	return fmt.Sprintf("journal topic %s: %s (%s)", e.Topic, e.Why, e.Do)
}

// Ensure checks that the topic can hold the journal: one partition, nothing
// compacted away, nothing deleted before it has left the Window and Config.Keep. A missing topic
// is created right if create is set. What is wrong with the topic comes back as
// *TopicErrors, all at once; what would be better otherwise comes back as advice.
func Ensure(ctx context.Context, cfg Config, create bool) (advice []*TopicError, err error) {
	client, err := cfg.client()
	if err != nil {
		return nil, err
	}
	least, usual := cfg.retention()
	partitions, err := countPartitions(ctx, client, cfg)
	if errors.Is(err, kafka.UnknownTopicOrPartition) {
		if !create {
			return nil, &TopicError{cfg.Topic, "it does not exist",
				"create it with one partition, cleanup.policy=delete, message.timestamp.type=LogAppendTime and retention.ms=" + milliseconds(usual)}
		}
		return nil, createTopic(ctx, client, cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("check journal topic %s: %w", cfg.Topic, err)
	}
	var problems []error
	if partitions != 1 {
		problems = append(problems, &TopicError{cfg.Topic, fmt.Sprintf("it has %d partitions, want 1", partitions),
			"a topic cannot shrink: give the bridge a new journal topic while it is stopped for 24 hours, or copy the records over"})
	}
	settings, err := describe(ctx, client, cfg.Topic)
	if err != nil {
		return nil, fmt.Errorf("check journal topic %s: describe its configuration: %w (allow the bridge DESCRIBE_CONFIGS on it)", cfg.Topic, err)
	}
	return adviseSettings(cfg.Topic, settings), errors.Join(append(problems, checkSettings(cfg.Topic, settings, least, usual)...)...)
}

// adviseSettings returns a *TopicError for each setting that makes the journal know
// less than it could.
func adviseSettings(topic string, settings map[string]string) []*TopicError {
	if v := settings["message.timestamp.type"]; v != "LogAppendTime" {
		return []*TopicError{{topic, fmt.Sprintf("message.timestamp.type is %q, so there is no second clock beside the bridge's: one that is set forward while no bridge runs frees calls of the quota early", v),
			"set message.timestamp.type=LogAppendTime"}}
	}
	return nil
}

// checkSettings returns a *TopicError for each setting that would lose records
// which a recovery needs.
func checkSettings(topic string, settings map[string]string, least, usual time.Duration) []error {
	var problems []error
	if v := settings["cleanup.policy"]; v != "delete" {
		problems = append(problems, &TopicError{topic, fmt.Sprintf("cleanup.policy is %q: it drops records by key, and the journal's have none", v),
			"set cleanup.policy=delete"})
	}
	if ms, err := strconv.ParseInt(settings["retention.ms"], 10, 64); err != nil || ms >= 0 && ms < least.Milliseconds() {
		problems = append(problems, &TopicError{topic, fmt.Sprintf("retention.ms is %q, less than the %v for which calls count and events can wait or repeat: they would be forgotten", settings["retention.ms"], least),
			"set retention.ms to " + milliseconds(least) + " or more, better " + milliseconds(usual)})
	}
	if v := settings["retention.bytes"]; v != "-1" && v != "" {
		problems = append(problems, &TopicError{topic, fmt.Sprintf("retention.bytes is %q: a busy day could delete its own morning", v),
			"set retention.bytes=-1"})
	}
	return problems
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func countPartitions(ctx context.Context, client *kafka.Client, cfg Config) (int, error) {
	n := 0
	err := persist(ctx, cfg.patience(), func(ctx context.Context) error {
		res, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{cfg.Topic}})
		if err != nil {
			return err
		}
		for _, t := range res.Topics {
			if t.Name != cfg.Topic {
				continue
			}
			if errors.Is(t.Error, kafka.UnknownTopicOrPartition) {
				n = 0
				return nil // retriable by the protocol, but here it is the answer
			}
			n = len(t.Partitions)
			return t.Error
		}
		n = 0
		return nil
	})
	if err == nil && n == 0 {
		err = kafka.UnknownTopicOrPartition
	}
	return n, err
}

func createTopic(ctx context.Context, client *kafka.Client, cfg Config) error {
	_, usual := cfg.retention()
	err := persist(ctx, cfg.patience(), func(ctx context.Context) error {
		res, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
			Topic: cfg.Topic, NumPartitions: 1, ReplicationFactor: -1, // -1: as the cluster has it
			ConfigEntries: []kafka.ConfigEntry{
				{ConfigName: "cleanup.policy", ConfigValue: "delete"},
				{ConfigName: "retention.ms", ConfigValue: milliseconds(usual)},
				{ConfigName: "retention.bytes", ConfigValue: "-1"},
				{ConfigName: "message.timestamp.type", ConfigValue: "LogAppendTime"}, // see Clocks
			},
		}}})
		if err != nil {
			return err
		}
		if err := res.Errors[cfg.Topic]; !errors.Is(err, kafka.TopicAlreadyExists) { // another instance was quicker
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("create journal topic %s: %w", cfg.Topic, err)
	}
	return nil
}

func describe(ctx context.Context, client *kafka.Client, topic string) (map[string]string, error) {
	res, err := client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
		ConfigNames: []string{"cleanup.policy", "retention.ms", "retention.bytes", "message.timestamp.type"},
	}}})
	if err != nil {
		return nil, err
	}
	settings := map[string]string{}
	for _, r := range res.Resources {
		if r.Error != nil {
			return nil, r.Error
		}
		for _, e := range r.ConfigEntries {
			settings[e.ConfigName] = e.ConfigValue
		}
	}
	return settings, nil
}
