package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/segmentio/kafka-go"

	"pushbridge/internal/devkafka"
)

// TestMain puts `bridge` on the PATH of the tests: the test's own binary, which
// runs main under that name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bridge": main})
}

// The scripts know, beside testscript's own commands:
//
//	kafka TOPIC...    starts an embedded broker; its address is in $KAFKA
//	records TOPIC F   writes each line of a file to the topic's first partition
//	silent            listens on $SILENT and never answers
//	usage COMMAND...  runs a command that must end with exit code 2
//	plain FILE...     fails where a text holds control characters
//	mark FILE OUT     writes the file with a byte order mark in front
//	json FILE         fails where a text is not a sequence of JSON values
func TestScripts(t *testing.T) {
	t.Attr("guards", "commands, exit codes and messages, as users type and read them")
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       os.Getenv("GOLDEN") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"kafka": scriptKafka, "records": scriptRecords, "silent": scriptSilent, "usage": scriptUsage, "plain": scriptPlain, "json": scriptJSON,
			"mark": scriptMark,
		},
	})
}

func scriptKafka(ts *testscript.TestScript, _ bool, topics []string) {
	cfg := devkafka.Config{Topics: map[string]int32{}}
	for _, topic := range topics {
		cfg.Topics[topic] = 2
	}
	broker, err := devkafka.Start(cfg)
	ts.Check(err)
	ts.Defer(broker.Close)
	ts.Setenv("KAFKA", strings.Join(broker.Addrs(), ","))
}

func scriptRecords(ts *testscript.TestScript, _ bool, args []string) {
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(ts.Getenv("KAFKA")), Transport: transport}
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		res, err := client.Produce(context.Background(), &kafka.ProduceRequest{
			Topic: args[0], RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(kafka.Record{Time: time.Now(), Value: kafka.NewBytes([]byte(strings.TrimSpace(line)))}),
		})
		ts.Check(err)
		ts.Check(res.Error)
	}
}

func scriptSilent(ts *testscript.TestScript, _ bool, _ []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { ln.Close() })
	ts.Setenv("SILENT", ln.Addr().String())
}

func scriptUsage(ts *testscript.TestScript, _ bool, args []string) {
	if err := ts.Exec(args[0], args[1:]...); err == nil || err.Error() != "exit status 2" {
		ts.Fatalf("%v: %v, want exit status 2", args, err)
	}
}

func scriptPlain(ts *testscript.TestScript, _ bool, files []string) {
	for _, file := range files {
		for n, line := range strings.Split(ts.ReadFile(file), "\n") {
			if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
				ts.Fatalf("%s:%d: control characters: %q", file, n+1, line)
			}
		}
	}
}

func scriptMark(ts *testscript.TestScript, _ bool, files []string) {
	ts.Check(os.WriteFile(ts.MkAbs(files[1]), append([]byte("\xef\xbb\xbf"), ts.ReadFile(files[0])...), 0o600))
}

func scriptJSON(ts *testscript.TestScript, _ bool, files []string) {
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(files[0])))
	values := 0
	for {
		var v any
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			ts.Fatalf("value %d: %v", values+1, err)
		}
		values++
	}
	if values == 0 {
		ts.Fatalf("no JSON in %s", files[0])
	}
}

// Each file of the mapper's collection of mistakes is refused by the command,
// and every finding says where.
func TestCheckFindsEveryKindOfMistake(t *testing.T) {
	t.Attr("guards", "bridge check: every finding has file, line and column")
	t.Parallel()
	files, err := filepath.Glob("../../internal/mapper/testdata/errors/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files with mistakes: %v", len(files), err)
	}
	for _, file := range files {
		var out strings.Builder
		root := newRootCmd()
		root.SetArgs([]string{"check", file})
		root.SetOut(&out)
		err := execute(t.Context(), root)
		if exit, ok := errors.AsType[exitError](err); !ok || exit.code != exitFindings {
			t.Errorf("%s: %v, want exit code 1", file, err)
		}
		places := regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(file)+`:\d+:\d+: \S`).FindAllString(out.String(), -1)
		counted := fmt.Sprintf("\n%s: %s\n", file, count(len(places), "problem"))
		if ofTheWhole := fmt.Sprintf("%s: the file is ", file); strings.HasPrefix(out.String(), ofTheWhole) {
			counted = fmt.Sprintf("\n%s: 1 problem\n", file)
		} else if len(places) == 0 {
			t.Errorf("%s: no finding with a place:\n%s", file, out.String())
		}
		if !strings.HasSuffix(out.String(), counted) {
			t.Errorf("%s: findings without a place, want all to have one and at the end %q:\n%s", file, counted, out.String())
		}
	}
}
