package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"

	"pushbridge/internal/config"
	"pushbridge/internal/consume"
)

// emitFlags is what the user of `bridge emit` chooses.
type emitFlags struct {
	topic       string
	brokers     string
	binary      bool
	key         string
	compression string
}

// newEmitCmd returns `bridge emit`: events from files into a topic, for trying
// rules and filling test systems.
func newEmitCmd() *cobra.Command {
	var f emitFlags
	cmd := &cobra.Command{
		Use:   "emit --topic TOPIC FILE...",
		Short: "Write CloudEvents from files to a Kafka topic",
		Long: `Write structured CloudEvents, one JSON object a line, to a Kafka topic. The file
"-" is standard input. The brokers and the login come from BRIDGE_KAFKA_*.

A line that is no CloudEvent ends the command with the file's name and the line's
number: all lines before it are written, nothing from it on is.`,
		Example: "  bridge emit --topic member.promo --brokers localhost:9092 events.jsonl",
		Args: func(_ *cobra.Command, files []string) error {
			if len(files) == 0 {
				return exitError{code: exitUsage, err: errors.New("emit: name a file, or - for standard input")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error { return runEmit(cmd, f, cmd.InOrStdin(), files) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.topic, "topic", "", "topic to write to (required)")
	flags.StringVar(&f.brokers, "brokers", "", "host:port,… instead of BRIDGE_KAFKA_BROKERS")
	flags.BoolVar(&f.binary, "binary", false, "attributes as headers, data as value, instead of the line as it is")
	flags.StringVar(&f.key, "key", "partitionkey", "attribute or extension whose value is the record's key; events without it get none")
	flags.StringVar(&f.compression, "compression", "none", "none, gzip, snappy, lz4 or zstd")
	return cmd
}

func runEmit(cmd *cobra.Command, f emitFlags, in io.Reader, files []string) error {
	if f.topic == "" {
		return exitError{code: exitUsage, err: errors.New("emit: --topic is required")}
	}
	compression, err := parseCompression(f.compression)
	if err != nil {
		return exitError{code: exitUsage, err: err}
	}
	environ := append(environWith(f.brokers), config.Prefix+"KAFKA_TOPICS="+f.topic)
	cfg, err := config.LoadKafka(environ)
	if err != nil {
		return exitError{code: exitUsage, err: err}
	}
	transport, err := connect(cmd.Context(), cfg, cmd.ErrOrStderr(), cfg.Topics...)
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{
		Addr: kafka.TCP(cfg.Brokers...), Topic: f.topic, Transport: transport, RequiredAcks: kafka.RequireAll,
		Compression: compression, BatchTimeout: 5 * time.Millisecond,
		Balancer: kafka.Murmur2Balancer{}, // a key goes where Java's producers put it
	}
	e := emitter{flags: f, writer: w}
	err = e.files(cmd.Context(), in, files)
	fmt.Fprintf(cmd.ErrOrStderr(), "%s written to %s\n", count(e.written, "event"), f.topic)
	return errors.Join(err, w.Close())
}

func parseCompression(name string) (kafka.Compression, error) {
	var none kafka.Compression
	if name == "none" {
		return none, nil
	}
	for _, c := range []kafka.Compression{kafka.Gzip, kafka.Snappy, kafka.Lz4, kafka.Zstd} {
		if c.String() == name {
			return c, nil
		}
	}
	return none, checkWord("compression", name, []string{"none", "gzip", "snappy", "lz4", "zstd"})
}

// messageWriter is what emit needs of a kafka.Writer.
type messageWriter interface {
	WriteMessages(ctx context.Context, messages ...kafka.Message) error
}

// A chunk is what is written at once: one wait for the acknowledgements of many
// lines, and never more than a broker takes in one request.
const (
	chunkMessages = 500
	chunkBytes    = 512 << 10
)

// emitter writes events and counts those that were acknowledged.
type emitter struct {
	flags   emitFlags
	writer  messageWriter
	written int

	chunk []kafka.Message
	bytes int
}

func (e *emitter) files(ctx context.Context, stdin io.Reader, names []string) error {
	for _, name := range names {
		if err := e.file(ctx, stdin, name); err != nil {
			return err
		}
	}
	return nil
}

func (e *emitter) file(ctx context.Context, stdin io.Reader, name string) error {
	in, err := openInput(name, stdin)
	if err != nil {
		return err
	}
	defer in.close()
	return e.lines(ctx, in.name, in)
}

// lines writes the events of one input. A line that is none ends it, after those
// before it are written.
func (e *emitter) lines(ctx context.Context, name string, in io.Reader) error {
	r := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, readErr := r.ReadBytes('\n')
		line = bytes.TrimSpace(line)
		if len(line) > 0 {
			message, err := e.message(line)
			if err != nil {
				return errors.Join(e.flush(ctx), fmt.Errorf("%s:%d: %w", name, n, onOneLine(line, err)))
			}
			e.chunk = append(e.chunk, message)
			e.bytes += len(message.Value)
		}
		if len(e.chunk) == chunkMessages || e.bytes >= chunkBytes || readErr != nil {
			if err := e.flush(ctx); err != nil {
				return fmt.Errorf("%s: up to line %d: %w", name, n, err)
			}
		}
		switch {
		case errors.Is(readErr, io.EOF):
			return nil
		case readErr != nil:
			return fmt.Errorf("read %s: %w", name, readErr)
		}
	}
}

// flush writes the chunk and counts what was acknowledged.
func (e *emitter) flush(ctx context.Context) error {
	if len(e.chunk) == 0 {
		return nil
	}
	n := len(e.chunk)
	err := e.writer.WriteMessages(ctx, e.chunk...)
	e.chunk, e.bytes = nil, 0
	if each, ok := errors.AsType[kafka.WriteErrors](err); ok {
		e.written += n - each.Count()
		return fmt.Errorf("write %d events: %d were refused: %w", n, each.Count(), errors.Join(slices.Compact(slices.DeleteFunc(slices.Clone(each), func(err error) bool { return err == nil }))...))
	}
	if err != nil {
		return fmt.Errorf("write %d events: %w", n, err)
	}
	e.written += n
	return nil
}

// message makes the record of one line.
func (e *emitter) message(line []byte) (kafka.Message, error) {
	ce, err := consume.ParseEvent(line)
	if err != nil {
		return kafka.Message{}, err
	}
	key, err := keyOf(ce, e.flags.key)
	if err != nil {
		return kafka.Message{}, err
	}
	if e.flags.binary {
		return binaryMessage(ce, key)
	}
	return kafka.Message{
		Key: key, Value: bytes.Clone(line),
		Headers: []kafka.Header{{Key: "content-type", Value: []byte(cloudevents.ApplicationCloudEventsJSON)}},
	}, nil
}

// keyOf returns the attribute's value as a record key, nil where there is none.
func keyOf(e *event.Event, name string) ([]byte, error) {
	var value string
	switch name {
	case "id":
		value = e.ID()
	case "source":
		value = e.Source()
	case "type":
		value = e.Type()
	case "subject":
		value = e.Subject()
	default:
		extension, ok := e.Extensions()[name]
		if !ok {
			return nil, nil
		}
		var err error
		if value, err = types.Format(extension); err != nil {
			return nil, fmt.Errorf("key %s: %w", name, err)
		}
	}
	if value == "" {
		return nil, nil
	}
	return []byte(value), nil
}

// binaryMessage is the event in binary mode of the Kafka protocol binding.
func binaryMessage(e *event.Event, key []byte) (kafka.Message, error) {
	m := kafka.Message{Key: key, Value: e.Data()}
	set := func(name, value string) {
		if value != "" {
			m.Headers = append(m.Headers, kafka.Header{Key: name, Value: []byte(value)})
		}
	}
	set("ce_specversion", e.SpecVersion())
	set("ce_id", e.ID())
	set("ce_source", e.Source())
	set("ce_type", e.Type())
	set("ce_subject", e.Subject())
	set("ce_dataschema", e.DataSchema())
	if !e.Time().IsZero() {
		set("ce_time", types.FormatTime(e.Time()))
	}
	contentType := e.DataContentType()
	if contentType == "" && len(m.Value) > 0 && !e.DataBase64 {
		contentType = cloudevents.ApplicationJSON // what the structured form means by saying nothing
	}
	set("content-type", contentType)
	for name, value := range e.Extensions() {
		text, err := types.Format(value)
		if err != nil {
			return kafka.Message{}, fmt.Errorf("extension %s: %w", name, err)
		}
		set("ce_"+name, text)
	}
	return m, nil
}
