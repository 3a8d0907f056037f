package pushsim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// defaultPage is how many deliveries one answer of /sim/deliveries lists.
const defaultPage = 1000

// simMux serves the operator: plain HTTP and JSON, no signature, so the
// simulator belongs on a loopback address. Nothing here is part of the API.
func (s *Server) simMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sim/calls", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Calls()) })
	mux.HandleFunc("GET /sim/tasks", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Tasks()) })
	mux.HandleFunc("GET /sim/summary", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Summary()) })
	mux.HandleFunc("GET /sim/users", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Users()) })
	mux.HandleFunc("GET /sim/users/{id}", s.simUser)
	mux.HandleFunc("GET /sim/deliveries", s.simDeliveries)
	mux.HandleFunc("GET /sim/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, wireFaults(s.Faults())) })
	mux.HandleFunc("POST /sim/faults", s.simInject)
	mux.HandleFunc("DELETE /sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// simUser answers who a user is and what the user has received.
func (s *Server) simUser(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	var found []User
	s.mu.Lock()
	for a := range s.eachApp() {
		if n, ok := a.numbers[id]; ok {
			found = append(found, a.user(n))
		}
	}
	s.mu.Unlock()
	if found == nil {
		http.Error(w, "no user "+strconv.Quote(id), http.StatusNotFound)
		return
	}
	writeJSON(w, map[string]any{"users": found, "received": s.Received(id)})
}

// simDeliveries lists deliveries: ?task=ID of one task, ?limit=n and ?skip=n
// for pages.
func (s *Server) simDeliveries(w http.ResponseWriter, r *http.Request) {
	limit, errLimit := intOf(r, "limit", defaultPage)
	skip, errSkip := intOf(r, "skip", 0)
	if errLimit != nil || errSkip != nil {
		http.Error(w, "limit and skip must be numbers from 0 up", http.StatusBadRequest)
		return
	}
	all := s.Deliveries()
	if id := r.FormValue("task"); id != "" {
		all = s.DeliveriesOf(id)
	}
	list, total := []Delivery{}, 0
	for d := range all {
		if total >= skip && len(list) < limit {
			list = append(list, d)
		}
		total++
	}
	writeJSON(w, map[string]any{"total": total, "deliveries": list})
}

func intOf(r *http.Request, name string, otherwise int) (int, error) {
	text := r.FormValue(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err
}

// wireFault is a Fault as the operator writes it: durations as text ("1.5s"),
// the kind as a word.
type wireFault struct {
	Endpoint string    `json:"endpoint,omitempty"`
	From     int       `json:"from,omitempty"`
	Count    int       `json:"count,omitempty"`
	Kind     FaultKind `json:"kind"`
	After    bool      `json:"after,omitempty"`
	Delay    string    `json:"delay,omitempty"`
	Code     int       `json:"code,omitempty"`
	Info     string    `json:"info,omitempty"`
	Status   int       `json:"status,omitempty"`
	Skew     string    `json:"skew,omitempty"`
}

func wireFaults(faults []Fault) []wireFault {
	list := []wireFault{}
	for _, f := range faults {
		w := wireFault{
			Endpoint: f.Endpoint, From: f.From, Count: f.Count, Kind: f.Kind,
			After: f.After, Code: f.Code, Info: f.Info, Status: f.Status,
		}
		if f.Delay != 0 {
			w.Delay = f.Delay.String()
		}
		if f.Skew != 0 {
			w.Skew = f.Skew.String()
		}
		list = append(list, w)
	}
	return list
}

func (w wireFault) fault() (Fault, error) {
	f := Fault{
		Endpoint: w.Endpoint, From: w.From, Count: w.Count, Kind: w.Kind,
		After: w.After, Code: w.Code, Info: w.Info, Status: w.Status,
	}
	var err error
	if w.Delay != "" {
		if f.Delay, err = time.ParseDuration(w.Delay); err != nil {
			return f, fmt.Errorf("delay: %w", err)
		}
	}
	if w.Skew != "" {
		if f.Skew, err = time.ParseDuration(w.Skew); err != nil {
			return f, fmt.Errorf("skew: %w", err)
		}
	}
	return f, nil
}

// simInject adds the faults of a JSON array.
func (s *Server) simInject(w http.ResponseWriter, r *http.Request) {
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxReadBytes))
	decoder.DisallowUnknownFields()
	var list []wireFault
	if err := decoder.Decode(&list); err != nil {
		http.Error(w, "read an array of faults: "+err.Error(), http.StatusBadRequest)
		return
	}
	faults := make([]Fault, len(list))
	for i, entry := range list {
		var err error
		if faults[i], err = entry.fault(); err != nil {
			http.Error(w, fmt.Sprintf("fault %d: %v", i, err), http.StatusBadRequest)
			return
		}
	}
	if err := s.Inject(faults...); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, wireFaults(s.Faults()))
}

func writeJSON(w http.ResponseWriter, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("pushsim: an answer does not marshal: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(text, '\n')) // what fails here is the caller's connection
}
