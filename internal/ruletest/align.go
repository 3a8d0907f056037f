package ruletest

// pairing is one row of an alignment; -1 is nobody.
type pairing struct{ want, got int }

// align pairs what is wanted with what there is, both in their order, so that the
// pairs are as alike as can be. Where the numbers are equal the order decides.
func align(wants, gots int, likeness func(want, got int) int) []pairing {
	if wants == gots {
		all := make([]pairing, wants)
		for i := range all {
			all[i] = pairing{i, i}
		}
		return all
	}
	// best[i][j] is the best sum for wants from i on and gots from j on.
	best := make([][]int, wants+1)
	for i := range best {
		best[i] = make([]int, gots+1)
	}
	for i := wants - 1; i >= 0; i-- {
		for j := gots - 1; j >= 0; j-- {
			best[i][j] = max(best[i+1][j], best[i][j+1], best[i+1][j+1]+likeness(i, j))
		}
	}
	var all []pairing
	i, j := 0, 0
	for i < wants && j < gots {
		switch like := likeness(i, j); {
		case like > 0 && best[i][j] == best[i+1][j+1]+like:
			all = append(all, pairing{i, j})
			i, j = i+1, j+1
		case best[i][j] == best[i+1][j]:
			all = append(all, pairing{i, -1})
			i++
		default:
			all = append(all, pairing{-1, j})
			j++
		}
	}
	for ; i < wants; i++ {
		all = append(all, pairing{i, -1})
	}
	for ; j < gots; j++ {
		all = append(all, pairing{-1, j})
	}
	return all
}
