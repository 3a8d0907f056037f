package pushapi

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// path is where the API lives on every domain.
const path = "/v4/timpush/push"

// domains by data centre, from the API's page; Tokyo from a newer one. An app
// belongs to one of them and is unknown to the others.
var domains = map[string]string{
	"china":          "console.tim.qq.com",
	"singapore":      "adminapisgp.im.qcloud.com",
	"seoul":          "adminapikr.im.qcloud.com",
	"frankfurt":      "adminapiger.im.qcloud.com",
	"silicon-valley": "adminapiusa.im.qcloud.com",
	"jakarta":        "adminapiidn.im.qcloud.com",
	"tokyo":          "adminapijpn.im.qcloud.com",
}

// Regions lists the names that Config.Region takes.
func Regions() []string { return slices.Sorted(maps.Keys(domains)) }

// endpoint returns the URL of the push call without its query.
func endpoint(region, base string) (*url.URL, error) {
	switch {
	case (region == "") == (base == ""):
		return nil, fmt.Errorf("push region %q and url: give exactly one of the two", region)
	case region != "":
		domain, ok := domains[region]
		if !ok {
			return nil, fmt.Errorf("push region %q: want one of %s, or a url", region, strings.Join(Regions(), ", "))
		}
		return &url.URL{Scheme: "https", Host: domain, Path: path}, nil
	}
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		// The text may hold what somebody copied from a log, signature included.
		return nil, fmt.Errorf("push url: want http(s)://host[:port] without a query or credentials")
	}
	if u.Path = strings.TrimSuffix(u.Path, "/"); !strings.HasSuffix(u.Path, path) {
		u.Path += path
	}
	u.RawPath = ""
	return u, nil
}
