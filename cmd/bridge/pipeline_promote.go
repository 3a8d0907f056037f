package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"

	"pushbridge/internal/mapper"
)

// promoted is the answer of POST /api/v1/shadow/promote.
type promoted struct {
	Error  string    `json:"error,omitempty"`
	Do     string    `json:"do,omitempty"`
	Kept   string    `json:"kept,omitempty"` // where the file before is
	Reload *reloaded `json:"reload,omitempty"`
}

// onPromote is the action behind POST /api/v1/shadow/promote.
func (r *reloader) onPromote(ctx context.Context, body []byte) (status int, answer any) {
	var want struct {
		Version string `json:"shadow_version"`
	}
	if err := json.Unmarshal(body, &want); err != nil || want.Version == "" {
		return http.StatusBadRequest, promoted{Error: "want the version that is to be promoted", Do: `send {"shadow_version": "…"}, as GET /api/v1/shadow says it`}
	}
	if err := r.do(ctx, func(ctx context.Context) { status, answer = r.promote(ctx, want.Version) }); err != nil {
		return http.StatusServiceUnavailable, promoted{Error: err.Error()}
	}
	return status, answer
}

// promote makes the rule file say what the candidate says, and takes it over. The
// file on disk is what a restart goes by: where it cannot be written nothing changes,
// since rules that only memory has would be gone with the process, and it is not
// written before all that can fail was done, since a restart would fail.
func (r *reloader) promote(ctx context.Context, version string) (int, promoted) {
	s := r.p.shadow
	data, err := os.ReadFile(s.path)
	if err != nil {
		return http.StatusConflict, promoted{Error: err.Error(), Do: "write the candidate to " + s.path}
	}
	// As it will stand there: schemas are named relative to the file.
	rules, err := mapper.Parse(r.path, data, r.p.ruleLimits(nil))
	switch {
	case err != nil:
		return http.StatusUnprocessableEntity, promoted{Error: err.Error(), Do: "mend " + s.path}
	case rules.Version() != version:
		return http.StatusConflict, promoted{Error: "the candidate is version " + rules.Version() + " now, not " + version, Do: "look at what it would do (bridge promote) and ask for that version"}
	case rules.Version() == r.p.bridge.Rules().Version():
		return http.StatusConflict, promoted{Error: "version " + version + " is in use already"}
	}
	if _, err := r.p.fit(ctx, rules); err != nil {
		answer := promoted{Error: "the rules stay as they were: " + err.Error()}
		if _, unfit := errors.AsType[misfit](err); unfit {
			return http.StatusUnprocessableEntity, answer
		}
		answer.Do = "see that Kafka answers, and promote again"
		return http.StatusServiceUnavailable, answer
	}
	kept, err := replaceRules(r.path, data)
	if err != nil {
		return http.StatusConflict, promoted{
			Error: "the rule file cannot be written: " + err.Error(),
			Do:    "put the candidate where the rule file comes from (the ConfigMap, the repository); it is taken over when the file says it",
		}
	}
	out := r.reload(ctx, "promote")
	if len(out.Problems) == 0 {
		return http.StatusOK, promoted{Kept: kept, Reload: &out}
	}
	return r.putBack(ctx, kept, out)
}

// putBack has the rule file say again what it said before a promotion that came to
// nothing, or the next restart would try the candidate.
func (r *reloader) putBack(ctx context.Context, kept string, out reloaded) (int, promoted) {
	status, answer := http.StatusServiceUnavailable, promoted{Reload: &out}
	if out.Result == reloadRefused {
		status = http.StatusUnprocessableEntity
	}
	if err := os.Rename(kept, r.path); err != nil {
		answer.Kept = kept
		answer.Do = "the rule file says what the candidate says and cannot be put back: " + err.Error() + "; move " + kept + " over it, or the next start goes by the candidate"
		return status, answer
	}
	r.reload(ctx, "promote") // status and metrics shall say that file and rules are one again
	return status, answer
}
