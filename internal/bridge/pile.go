package bridge

import "pushbridge/internal/journal"

// pile is dispositions in the order in which they came, in pieces. At 400 bytes
// each, one slice that grows and is cut would be copied several times over. A
// piece that was written is used again.
type pile struct {
	max    int                     // dispositions in a piece
	pieces [][]journal.Disposition // only the last one has room
	sealed bool                    // not even that one
	spare  []journal.Disposition
}

func (p *pile) add(d journal.Disposition) {
	last := len(p.pieces) - 1
	if last < 0 || p.sealed || len(p.pieces[last]) == p.max {
		p.pieces = append(p.pieces, p.spare)
		p.spare, p.sealed = nil, false
		last++
	}
	p.pieces[last] = append(p.pieces[last], d)
}

func (p *pile) len() int {
	n := 0
	for _, piece := range p.pieces {
		n += len(piece)
	}
	return n
}

// take removes the oldest piece and returns it: nil where the pile is empty.
func (p *pile) take() []journal.Disposition {
	if len(p.pieces) == 0 {
		return nil
	}
	piece := p.pieces[0]
	p.pieces = p.pieces[1:]
	return piece
}

// seal keeps what is added later out of the pieces that there are, and returns
// how many these are.
func (p *pile) seal() int {
	p.sealed = len(p.pieces) > 0
	return len(p.pieces)
}

// takeFrom removes what was added since the pile had n, and returns it.
func (p *pile) takeFrom(n int) []journal.Disposition {
	taken := make([]journal.Disposition, p.len()-n)
	for end := len(taken); end > 0; {
		last := len(p.pieces) - 1
		piece := p.pieces[last]
		k := min(end, len(piece))
		copy(taken[end-k:end], piece[len(piece)-k:])
		end -= k
		if p.pieces[last] = piece[:len(piece)-k]; k == len(piece) {
			p.pieces = p.pieces[:last]
			p.giveBack(piece)
		}
	}
	return taken
}

// giveBack takes a piece that nobody needs any more, to be used again. What is in
// it is forgotten: the texts would outlive their events.
func (p *pile) giveBack(piece []journal.Disposition) {
	if cap(piece) > cap(p.spare) {
		clear(piece)
		p.spare = piece[:0]
	}
}
