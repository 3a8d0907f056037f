package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pushbridge/internal/consume"
	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
	"pushbridge/internal/replay"
	"pushbridge/internal/results"
)

// replayState is how far a replay is, as status prints it.
type replayState struct {
	ID        string         `json:"id"`
	State     string         `json:"state"` // begun, fed, ended or cancelled
	Begun     time.Time      `json:"begun,omitzero"`
	Cancelled time.Time      `json:"cancelled,omitzero"`
	Command   string         `json:"command,omitempty"`
	Selected  int            `json:"selected"`
	Fed       int            `json:"fed"`
	Copies    int            `json:"copies,omitempty"` // written twice, which the bridge knows
	Open      int            `json:"open"`             // fed, and not ended under all rules
	Ended     map[string]int `json:"ended"`            // dispositions, one for each rule
	Pushes    int            `json:"pushes"`           // calls that carried them
}

// listedReplay is what list says of a replay: what the replays' topic holds of it, and
// not what became of its events, which stands in the results.
type listedReplay struct {
	ID        string    `json:"id"`
	State     string    `json:"state"` // begun, fed or cancelled
	Begun     time.Time `json:"begun,omitzero"`
	Cancelled time.Time `json:"cancelled,omitzero"`
	Command   string    `json:"command,omitempty"`
	Selected  int       `json:"selected"`
	Fed       int       `json:"fed"`
	Copies    int       `json:"copies,omitempty"`
}

func newReplayStatusCmd() *cobra.Command {
	var brokers, output string
	cmd := &cobra.Command{
		Use:   "status ID",
		Short: "Say how far a replay is: fed, pushed, expired, still open",
		Args:  oneArg("name the replay; bridge replay list shows them"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			desk, err := newReplayDesk(cmd.Context(), brokers, nil, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer desk.close()
			s, err := desk.state(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				return printJSON(cmd.OutOrStdout(), s)
			}
			return printReplayState(cmd.OutOrStdout(), s)
		},
	}
	cmd.Flags().StringVar(&brokers, "brokers", "", "host:port,… instead of BRIDGE_KAFKA_BROKERS")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

func newReplayListCmd() *cobra.Command {
	var brokers, output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the replays that the topic still holds, oldest first",
		Long: `List the replays that the topic still holds, oldest first: begun, fed (all of its
events are on the topic) or cancelled. What became of the events it does not look
up; bridge replay status ID does.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			desk, err := newReplayDesk(cmd.Context(), brokers, nil, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer desk.close()
			all, err := desk.replaysOn(cmd.Context(), "")
			if err != nil {
				return err
			}
			states := make([]listedReplay, 0, len(all))
			for _, on := range all {
				s := on.state()
				states = append(states, listedReplay{s.ID, s.State, s.Begun, s.Cancelled, s.Command, s.Selected, s.Fed, s.Copies})
			}
			if output == "json" {
				return printJSON(cmd.OutOrStdout(), states)
			}
			if len(states) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "no replays")
				return nil
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tBEGUN\tSTATE\tFED\tCOMMAND")
			for _, s := range states {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d of %d\t%s\n", s.ID, s.Begun.UTC().Format(time.RFC3339), s.State, s.Fed, s.Selected, visible(s.Command))
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&brokers, "brokers", "", "host:port,… instead of BRIDGE_KAFKA_BROKERS")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

func newReplayCancelCmd() *cobra.Command {
	var brokers string
	var execute bool
	cmd := &cobra.Command{
		Use:   "cancel ID",
		Short: "Cancel a replay: what was not pushed ends expired, what feeds it stops",
		Args:  oneArg("name the replay; bridge replay list shows them"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, id := cmd.Context(), args[0]
			if err := replay.CheckID(id); err != nil {
				return exitError{code: exitUsage, err: err}
			}
			desk, err := newReplayDesk(ctx, brokers, nil, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer desk.close()
			s, err := desk.state(ctx, id)
			if err != nil {
				return err
			}
			switch {
			case !s.Cancelled.IsZero():
				fmt.Fprintf(cmd.ErrOrStderr(), "replay %s was cancelled at %s\n", id, stamp(s.Cancelled))
				return nil
			case !execute:
				if err := printReplayState(cmd.OutOrStdout(), s); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "cancelling it ends what is open as expired, and lets nothing more come. To do it:\n  bridge replay cancel %s --execute\n", id)
				return nil
			}
			if err := desk.appendControl(ctx, replay.TypeCancelled, id, struct{}{}); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "replay %s is cancelled: %s had been fed, %s open\n", id, count(s.Fed, "event"), thousands(s.Open))
			return nil
		},
	}
	cmd.Flags().StringVar(&brokers, "brokers", "", "host:port,… instead of BRIDGE_KAFKA_BROKERS")
	cmd.Flags().BoolVar(&execute, "execute", false, "do it")
	return cmd
}

// state is what the replays' topic says of a replay.
func (o *onTopic) state() *replayState {
	s := &replayState{ID: o.id, State: "begun", Begun: o.begunAt, Cancelled: o.cancelled, Fed: o.events, Copies: o.copies, Ended: map[string]int{}}
	if o.begun != nil {
		s.Selected, s.Command = o.begun.Selected, o.begun.Command
		if s.Fed >= s.Selected {
			s.State = "fed"
		}
	}
	if !o.cancelled.IsZero() {
		s.State = "cancelled"
	}
	return s
}

// state is the same, with what became of its events.
func (d *replayDesk) state(ctx context.Context, id string) (*replayState, error) {
	on, err := d.replayOn(ctx, id)
	if err != nil {
		return nil, err
	}
	if on.begun == nil && on.events == 0 {
		return nil, fmt.Errorf("no replay %s on %s (bridge replay list prints those there are)", id, d.cfg.Kafka.ReplayTopic)
	}
	s := on.state()
	ended, err := d.endsOf(ctx, on)
	if err != nil {
		return nil, err
	}
	pushes, whole, repeats := map[string]bool{}, map[offset.Position]bool{}, map[offset.Position]bool{}
	for _, t := range ended {
		if !t.More {
			whole[t.Position] = true
		}
		if t.Kind == journal.Duplicate {
			repeats[t.Position] = true
			continue
		}
		s.Ended[t.Kind.String()]++
		if t.PushID != "" {
			pushes[t.PushID] = true
		}
	}
	if n := len(repeats) - on.copies; n > 0 { // of what the selection held twice
		s.Ended[journal.Duplicate.String()] = n
	}
	s.Pushes, s.Open = len(pushes), max(0, s.Fed+on.copies-len(whole))
	if s.State == "fed" && s.Open == 0 {
		s.State = "ended"
	}
	return s, nil
}

// endsOf are the results of the replay's events, each once.
func (d *replayDesk) endsOf(ctx context.Context, on *onTopic) ([]results.Told, error) {
	parts, err := d.scan.Whole(ctx, d.cfg.Kafka.ResultsTopic)
	if err != nil && !errors.Is(err, consume.ErrNoTopic) {
		return nil, fmt.Errorf("read results: %w", err)
	}
	seen := make(map[string]bool)
	var ends []results.Told
	for _, p := range parts {
		if !on.begunAt.IsZero() {
			if p, err = d.scan.From(ctx, p, on.begunAt.Add(-time.Minute)); err != nil {
				return nil, fmt.Errorf("read results: %w", err)
			}
		}
		for r, err := range d.scan.Read(ctx, p) {
			if err != nil {
				return nil, fmt.Errorf("read results: %w", err)
			}
			t, ok, err := results.ParseTold(r.Value, headersOf(r))
			if err == nil && ok && t.ReplayID == on.id && t.ReplayOf != "" && !seen[t.ID] {
				seen[t.ID] = true
				ends = append(ends, t)
			}
		}
	}
	return ends, nil
}

// waitFor waits until all that was fed has ended, and tells it.
func (d *replayDesk) waitFor(ctx context.Context, id string, stderr io.Writer) error {
	open := -1
	for {
		start := time.Now()
		s, err := d.state(ctx, id)
		if err != nil {
			return err
		}
		if s.Open != open {
			open = s.Open
			fmt.Fprintf(stderr, "%s: %s open\n", endedText(s.Ended), thousands(s.Open))
		}
		if s.Open <= 0 {
			state := "ended"
			if !s.Cancelled.IsZero() {
				state = "cancelled"
			}
			return d.tellProgress(ctx, results.ReplayProgress{ID: id, State: state, Selected: s.Selected, Fed: s.Fed, Ended: s.Ended, At: time.Now()})
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("replay %s goes on without being watched: %w", id, context.Cause(ctx))
		case <-time.After(max(2*time.Second, 5*time.Since(start))): // what is read again may be large
		}
	}
}

func printReplayState(w io.Writer, s *replayState) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "replay\t%s\n", s.ID)
	fmt.Fprintf(t, "state\t%s\n", s.State)
	if !s.Begun.IsZero() {
		fmt.Fprintf(t, "begun\t%s\n", s.Begun.UTC().Format(time.RFC3339))
	}
	if !s.Cancelled.IsZero() {
		fmt.Fprintf(t, "cancelled\t%s\n", s.Cancelled.UTC().Format(time.RFC3339))
	}
	fmt.Fprintf(t, "fed\t%s of %s\n", thousands(s.Fed), thousands(s.Selected))
	fmt.Fprintf(t, "ended\t%s\n", endedText(s.Ended))
	fmt.Fprintf(t, "open\t%s\n", thousands(s.Open))
	fmt.Fprintf(t, "calls\t%s\n", thousands(s.Pushes))
	if s.Command != "" {
		fmt.Fprintf(t, "selection\t%s\n", visible(s.Command))
	}
	return t.Flush()
}

// endedText is dispositions and how many, in the design's order.
func endedText(n map[string]int) string {
	var parts []string
	for _, k := range journal.Kinds {
		if n[k.String()] > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", k, thousands(n[k.String()])))
		}
	}
	for _, other := range slices.Sorted(maps.Keys(n)) {
		if _, err := journal.ParseKind(other); err != nil {
			parts = append(parts, fmt.Sprintf("%s %s", other, thousands(n[other])))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// thousands prints a number for people.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
