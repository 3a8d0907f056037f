package consume

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"
)

// outputPartitions of topics that are created; they hold little.
const outputPartitions = 3

const cleanupPolicy = "cleanup.policy"

// topicCheck looks at the topics of a Kafka that answers.
type topicCheck struct {
	CheckConfig
	client *kafka.Client
}

func (c topicCheck) run(ctx context.Context) error {
	topics, err := c.describe(ctx)
	if err != nil {
		return err
	}
	var problems []error
	for _, name := range c.Inputs {
		if topics[name].missing() {
			problems = append(problems, fmt.Errorf("topic %s does not exist (create it, or mend BRIDGE_KAFKA_TOPICS)", name))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	created, err := c.create(ctx, topics)
	if err != nil {
		return err
	}
	if created {
		if topics, err = c.appear(ctx); err != nil {
			return err
		}
	}
	for _, t := range topics {
		if t.err != nil {
			problems = append(problems, fmt.Errorf("look at topic %s: %w (the user of BRIDGE_KAFKA_SASL_USERNAME needs DESCRIBE on it)", t.name, t.err))
		}
	}
	return errors.Join(append(problems, c.settings(ctx))...)
}

// topic is what metadata says of one.
type topic struct {
	name       string
	partitions int
	err        error
}

func (t topic) missing() bool {
	return errors.Is(t.err, kafka.UnknownTopicOrPartition) || t.err == nil && t.partitions == 0
}

func (c topicCheck) names() []string { return slices.Concat(c.Inputs, c.Outputs, c.replays()) }

func (c topicCheck) replays() []string {
	if c.Replays == "" {
		return nil
	}
	return []string{c.Replays}
}

func (c topicCheck) describe(ctx context.Context) (map[string]topic, error) {
	meta, err := c.client.Metadata(ctx, &kafka.MetadataRequest{Topics: c.names()})
	if err != nil {
		what, do := unreachable(err, c.CheckConfig)
		return nil, &UnreachableError{Broker: addressIn(err, c.Brokers), What: what, Do: do, Err: err}
	}
	topics := make(map[string]topic, len(meta.Topics))
	for _, t := range meta.Topics {
		topics[t.Name] = topic{name: t.Name, partitions: len(t.Partitions), err: t.Error}
	}
	return topics, nil
}

// elsewhere explains what fails on the way to the broker that leads the cluster. The
// brokers that were named have answered: it is the address which that one advertises.
func (c topicCheck) elsewhere(err error) error {
	e, ok := errors.AsType[*net.OpError](err)
	if !ok || e.Op != "dial" {
		return err
	}
	what, _ := unreachable(err, c.CheckConfig)
	return &UnreachableError{
		Broker: addressIn(err, c.Brokers), What: what, Err: err,
		Do: "brokers say that this is an address of theirs (advertised.listeners): it must be reachable from here",
	}
}

// create makes what is missing, and says whether it made anything.
func (c topicCheck) create(ctx context.Context, topics map[string]topic) (bool, error) {
	var wanted []kafka.TopicConfig
	for _, name := range slices.Concat(c.Outputs, c.replays()) {
		if topics[name].missing() {
			partitions := outputPartitions
			if name == c.Replays {
				partitions = 1 // what cancels a replay stands behind what it cancels
			}
			// -1: the broker's own replication.
			wanted = append(wanted, kafka.TopicConfig{Topic: name, NumPartitions: partitions, ReplicationFactor: -1})
		}
	}
	if len(wanted) == 0 {
		return false, nil
	}
	var problems []error
	if !c.Create {
		for _, t := range wanted {
			problems = append(problems, fmt.Errorf("topic %s does not exist (create it, or set BRIDGE_KAFKA_CREATE_TOPICS=true)", t.Topic))
		}
		return false, errors.Join(problems...)
	}
	res, err := c.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: wanted})
	if err != nil {
		return false, fmt.Errorf("create topics: %w", c.elsewhere(err))
	}
	for _, t := range wanted {
		switch err := res.Errors[t.Topic]; {
		case errors.Is(err, kafka.TopicAlreadyExists): // another instance was faster
		case err != nil:
			problems = append(problems, fmt.Errorf("create topic %s: %w (create it by hand, and set BRIDGE_KAFKA_CREATE_TOPICS=false)", t.Topic, err))
		default:
			c.Logger.Info("topic created", "topic", t.Topic, "partitions", t.NumPartitions)
		}
	}
	return true, errors.Join(problems...)
}

// appear waits until all topics can be used: brokers tell each other, and the
// transport's memory of them is refreshed, some time after creation.
func (c topicCheck) appear(ctx context.Context) (map[string]topic, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	for wait := newBackoff(); ; {
		topics, err := c.describe(ctx)
		if err == nil {
			var hidden []string
			for _, name := range c.names() {
				if topics[name].missing() {
					hidden = append(hidden, name)
				}
			}
			if len(hidden) == 0 {
				return topics, nil
			}
			err = fmt.Errorf("topics %s were created and do not appear", strings.Join(hidden, ", "))
		}
		sleep(ctx, wait.next())
		if ctx.Err() != nil {
			return nil, err
		}
	}
}

// settings refuses inputs whose records vanish before they are read, or whose
// batches kafka-go cannot read (kafka.md, section 2 C).
func (c topicCheck) settings(ctx context.Context) error {
	req := &kafka.DescribeConfigsRequest{}
	for _, name := range slices.Concat(c.Inputs, c.replays()) {
		req.Resources = append(req.Resources, kafka.DescribeConfigRequestResource{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: name, ConfigNames: []string{cleanupPolicy},
		})
	}
	res, err := c.client.DescribeConfigs(ctx, req)
	if err != nil {
		return fmt.Errorf("read the settings of topics: %w", c.elsewhere(err))
	}
	var problems []error
	for _, r := range res.Resources {
		if r.Error != nil {
			// Reading works without this right, so its lack is no reason to stop.
			c.Logger.Warn("settings of the topic are not known: it must not be compacted", "topic", r.ResourceName, "error", r.Error)
			continue
		}
		for _, entry := range r.ConfigEntries {
			if entry.ConfigName == cleanupPolicy && strings.Contains(entry.ConfigValue, "compact") {
				problems = append(problems, fmt.Errorf("topic %s has cleanup.policy=%s: compaction removes events before they are read (set it to delete)", r.ResourceName, entry.ConfigValue))
			}
		}
	}
	return errors.Join(problems...)
}
