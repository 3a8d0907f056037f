package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caarlos0/env/v11"
)

// LoadKafka reads and checks the variables of Kafka alone, for commands that
// need neither rules nor the push API.
func LoadKafka(environ []string) (Kafka, error) {
	vars := env.ToMap(environ)
	problems := readSecretFiles(vars)
	var c Config
	problems = append(problems, translate(env.ParseWithOptions(&c, env.Options{Environment: vars, Prefix: Prefix}))...)
	problems = append(problems, c.check()...)

	seen := map[string]bool{}
	var errs []error
	for _, p := range problems {
		if strings.HasPrefix(p.Name, Prefix+"KAFKA_") && !seen[p.Name] {
			seen[p.Name] = true
			errs = append(errs, p)
		}
	}
	if len(errs) > 0 {
		return Kafka{}, fmt.Errorf("environment: %w", errors.Join(errs...))
	}
	return c.Kafka, nil
}
