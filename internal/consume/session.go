package consume

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/offset"
)

// ErrNotOwner says that another member owns the partitions now, or may.
var ErrNotOwner = errors.New("this instance does not own the partitions")

// ErrAgain is what serve returns, while its context goes on, to be called again in
// the same generation: with a session that starts at what is committed by then.
var ErrAgain = errors.New("serve again from the committed offsets")

// maxMetadata is what brokers accept beside a committed offset
// (offset.metadata.max.bytes, default 4096).
const maxMetadata = 4096

// Assignment is one partition of a Session.
type Assignment struct {
	Partition offset.Partition
	Start     int64  // the first offset that Records speaks of
	Committed bool   // Start is the group's commit; otherwise the log's start
	Metadata  string // what was committed beside it
}

// Session is the ownership of all partitions in one generation of the group.
type Session struct {
	client     *kafka.Client
	group      string
	generation int32
	member     string
	partitions []Assignment
	records    chan Batch
	aside      chan Batch
	over       atomic.Bool // serve has returned
	pulse      *pulse
}

// Generation returns the group's generation. It rises by one with every change
// of members, for as long as the group's metadata lives.
func (s *Session) Generation() int32 { return s.generation }

// Partitions returns what is owned, in order, and where reading starts.
func (s *Session) Partitions() []Assignment { return slices.Clone(s.partitions) }

// Records brings the batches of all partitions, each partition's in order. It
// has no buffer: while nobody receives, every partition holds one decoded batch
// and fetches no more. It is never closed; select on serve's context too.
func (s *Session) Records() <-chan Batch { return s.records }

// Aside is Records for the topics that the Config keeps apart, so that their owner
// may let them wait while the others go on.
func (s *Session) Aside() <-chan Batch { return s.aside }

// Lapsed says that this process stood still for so long that another member may
// own the partitions, although serve's context does not say so yet. It stays so.
// It is asked before anything is decided: what time alone decides, such as that
// an event has expired, is right only for the owner.
func (s *Session) Lapsed() bool { return !s.pulse.beat(time.Now()) }

// Commit stores for each partition the offset of the next record to read, with
// metadata of at most 4096 bytes. The broker takes it only from the owner: an
// error that is ErrNotOwner says that this is another member, any other that it
// is not known what is stored. It is a fence either way: after an error nothing
// may be done that only the owner may do.
//
// An empty map is an error, because it would ask the broker nothing.
func (s *Session) Commit(ctx context.Context, offsets map[offset.Partition]int64, metadata string) error {
	switch {
	case len(offsets) == 0:
		return errors.New("commit: no partitions: a commit without offsets fences nothing")
	case len(metadata) > maxMetadata:
		return fmt.Errorf("commit: %d bytes of metadata, allowed %d", len(metadata), maxMetadata)
	case s.over.Load():
		return fmt.Errorf("commit: session of generation %d is over: %w", s.generation, ErrNotOwner)
	}
	topics := make(map[string][]kafka.OffsetCommit)
	for p, next := range offsets {
		topics[p.Topic] = append(topics[p.Topic], kafka.OffsetCommit{Partition: int(p.ID), Offset: next, Metadata: metadata})
	}
	res, err := s.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID:      s.group,
		GenerationID: int(s.generation),
		MemberID:     s.member,
		Topics:       topics,
	})
	if err != nil {
		return fmt.Errorf("commit to group %s: %w", s.group, fenced(err))
	}
	// Some brokers answer an error for one partition alone, so every one counts,
	// and one without an answer is not committed.
	answered := make(map[offset.Partition]error, len(offsets))
	for topic, partitions := range res.Topics {
		for _, p := range partitions {
			answered[offset.Partition{Topic: topic, ID: int32(p.Partition)}] = p.Error
		}
	}
	var problems []error
	for p := range offsets {
		switch err, ok := answered[p]; {
		case !ok:
			problems = append(problems, fmt.Errorf("commit %s to group %s: the broker did not answer for it", p, s.group))
		case err != nil:
			problems = append(problems, fmt.Errorf("commit %s to group %s: %w", p, s.group, fenced(err)))
		}
	}
	return errors.Join(problems...)
}

// fenced adds ErrNotOwner to the broker's answers that mean it. Which of them
// comes depends on how far the coordinator is with the next generation
// (kafka.md, section 1).
func fenced(err error) error {
	code, ok := errors.AsType[kafka.Error](err)
	if !ok {
		return err
	}
	switch code {
	case kafka.IllegalGeneration, // 22
		kafka.UnknownMemberId,              // 25
		kafka.RebalanceInProgress,          // 27
		kafka.GroupCoordinatorNotAvailable, // 15
		kafka.NotCoordinatorForGroup:       // 16
		return fmt.Errorf("%w: %w", ErrNotOwner, err)
	}
	return err
}

// own calls serve until it returns, and again where it says so.
func (g *Group) own(ctx context.Context, generation *kafka.Generation, owned []offset.Partition, serve func(context.Context, *Session) error) error {
	for {
		if err := g.session(ctx, generation, owned, serve); ctx.Err() != nil || !errors.Is(err, ErrAgain) {
			return err
		}
	}
}

// session reads all partitions and calls serve.
func (g *Group) session(ctx context.Context, generation *kafka.Generation, owned []offset.Partition, serve func(context.Context, *Session) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	assignments, err := g.starts(ctx, owned)
	if err != nil {
		return nil // only ctx ends it
	}
	s := &Session{
		client:     g.client,
		group:      g.cfg.Group,
		generation: generation.ID,
		member:     generation.MemberID,
		partitions: assignments,
		records:    make(chan Batch),
		aside:      make(chan Batch),
		pulse:      newPulse(g.cfg.SessionTimeout, time.Now()),
	}
	defer s.over.Store(true)

	var fetchers sync.WaitGroup // and the pulse
	defer func() {
		cancel()
		fetchers.Wait()
		g.metrics.forgetLag()
	}()
	fetchers.Go(func() { s.pulse.run(ctx) })
	for _, a := range assignments {
		out := s.records
		if slices.Contains(g.cfg.Aside, a.Partition.Topic) {
			out = s.aside
		}
		fetchers.Go(newFetcher(g, a, len(assignments), out).run(ctx))
	}
	g.setState(Owner)
	return serve(ctx, s)
}

// starts finds where each partition is to be read from, for as long as ctx
// lasts.
func (g *Group) starts(ctx context.Context, owned []offset.Partition) ([]Assignment, error) {
	trouble := newTrouble(g.cfg.Logger, "read committed offsets")
	for wait := newBackoff(); ; {
		assignments, err := g.committed(ctx, owned)
		if err == nil {
			trouble.over()
			slices.SortFunc(assignments, func(a, b Assignment) int { return a.Partition.Compare(b.Partition) })
			return assignments, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		trouble.report(err)
		sleep(ctx, wait.next())
	}
}

// committed reads the group's commits; a partition without one starts at its
// log's start, as a number, so that the first commit has one to store and
// nothing is missed between joining and committing.
func (g *Group) committed(ctx context.Context, owned []offset.Partition) ([]Assignment, error) {
	topics := make(map[string][]int)
	for _, p := range owned {
		topics[p.Topic] = append(topics[p.Topic], int(p.ID))
	}
	res, err := g.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: g.cfg.Group, Topics: topics})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return nil, fmt.Errorf("read offsets of group %s: %w", g.cfg.Group, err)
	}
	assignments := make([]Assignment, 0, len(owned))
	for topic, partitions := range res.Topics {
		for _, p := range partitions {
			a := Assignment{
				Partition: offset.Partition{Topic: topic, ID: int32(p.Partition)},
				Start:     p.CommittedOffset,
				Committed: true,
				Metadata:  p.Metadata,
			}
			if p.Error != nil {
				return nil, fmt.Errorf("read offset of %s in group %s: %w", a.Partition, g.cfg.Group, p.Error)
			}
			if a.Start < 0 {
				first, _, err := bounds(ctx, g.client, a.Partition)
				if err != nil {
					return nil, err
				}
				a.Start, a.Committed = first, false
			}
			assignments = append(assignments, a)
		}
	}
	if len(assignments) != len(owned) {
		return nil, fmt.Errorf("read offsets of group %s: the broker answered for %d of %d partitions", g.cfg.Group, len(assignments), len(owned))
	}
	return assignments, nil
}

// bounds returns the first offset of a partition's log and the one after its
// last.
func bounds(ctx context.Context, client *kafka.Client, p offset.Partition) (first, end int64, err error) {
	res, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{
			p.Topic: {kafka.FirstOffsetOf(int(p.ID)), kafka.LastOffsetOf(int(p.ID))},
		},
	})
	if err != nil {
		return 0, 0, fmt.Errorf("read bounds of %s: %w", p, err)
	}
	for _, got := range res.Topics[p.Topic] {
		if got.Partition == int(p.ID) {
			if got.Error != nil {
				return 0, 0, fmt.Errorf("read bounds of %s: %w", p, got.Error)
			}
			return got.FirstOffset, got.LastOffset, nil
		}
	}
	return 0, 0, fmt.Errorf("read bounds of %s: the broker did not answer for it", p)
}
