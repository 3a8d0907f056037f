package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/journal"
)

// A journal that only a newer bridge can read ends the command, with what to do.
func TestRunEndsWithAJournalOfANewerBridge(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	s := embeddedSite(t)
	memory := journal.Config{Addr: s.client.Addr, Transport: s.client.Transport, Topic: s.topic("journal"), Keep: 24 * time.Hour}
	if _, err := journal.Ensure(t.Context(), memory, true); err != nil {
		t.Fatal(err)
	}
	s.produce(s.topic("journal"), kafka.Message{Value: []byte(`{"v":9}`)})
	i := s.run()
	if code := i.wait(); code != exitFindings {
		t.Errorf("exit code %d, want %d", code, exitFindings)
	}
	if want := "record of version 9, this bridge reads up to version "; !strings.Contains(i.stderr(), want) || !strings.Contains(i.stderr(), "(run the newer bridge again, ") {
		t.Errorf("the end does not say %q and what to do", want)
	}
	if calls := len(s.sim.Calls()); calls != 0 {
		t.Errorf("%d calls without a budget", calls)
	}
}

// Nobody would know how an instance is whose health and metrics are gone.
func TestRunEndsWithItsConsole(t *testing.T) {
	t.Attr("guards", "what an orchestrator cannot see does not go on")
	t.Parallel()
	s := embeddedSite(t)
	p := s.assemble()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx, nil) }()
	eventually(t, "the bridge is the writer", p.group.Writer)
	p.console.Close() // its listener has failed
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "serve "+p.console.Addr()) {
			t.Errorf("run: %v", err)
		}
	case <-time.After(patience):
		stop()
		t.Errorf("it ran on without health and metrics until it was told to end: %v", <-ended)
	}
}
