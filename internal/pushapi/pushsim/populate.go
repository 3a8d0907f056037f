package pushsim

import (
	"fmt"
	"math/rand/v2"
)

// Levels and Cities are what Populate draws from. A user's level and city are
// both a tag and an attribute, so a rule can ask either way.
var (
	Levels = [...]string{"gold", "silver", "bronze", "basic"}
	Cities = [...]string{
		"shanghai", "beijing", "guangzhou", "shenzhen", "chengdu", "hangzhou",
		"wuhan", "xian", "nanjing", "suzhou", "tianjin", "chongqing",
	}
)

// Populate imports n users, user-00001 and on, into every app, with attribute
// names level, city and lang. The same seed gives the same users. One in 20 is
// gold, three silver, six bronze, ten basic; one in 10 has the tag beta, one in
// 50 press.
func (s *Server) Populate(seed uint64, n int) error {
	if err := s.NameAttributes("level", "city", "lang"); err != nil {
		return err
	}
	draw := rand.New(rand.NewPCG(seed, 0))
	users := make([]User, n)
	for i := range users {
		level := Levels[levelOf(draw.IntN(20))]
		city := Cities[draw.IntN(len(Cities))]
		tags := []string{level, city}
		if draw.IntN(10) == 0 {
			tags = append(tags, "beta")
		}
		if draw.IntN(50) == 0 {
			tags = append(tags, "press")
		}
		lang := "zh"
		if draw.IntN(4) == 0 {
			lang = "en"
		}
		users[i] = User{
			ID: fmt.Sprintf("user-%05d", i+1), Tags: tags,
			Attrs: map[string]string{"level": level, "city": city, "lang": lang},
		}
	}
	return s.Set(users...)
}

// levelOf turns one of twenty lots into an index of Levels.
func levelOf(lot int) int {
	switch {
	case lot < 1:
		return 0
	case lot < 4:
		return 1
	case lot < 10:
		return 2
	}
	return 3
}
