package pushapi

// rule is a row of the code table.
type rule struct {
	class Class
	do    string // for a person; with ClassResign, for when it happens again
	known bool   // false: the row is a guess by the code's range
}

// What a person does about the codes of ClassConfig.
const (
	doAdmin     = "set BRIDGE_PUSH_IDENTIFIER to an app administrator"
	doAccount   = "check BRIDGE_PUSH_SDKAPPID, BRIDGE_PUSH_IDENTIFIER and BRIDGE_PUSH_SECRET_KEY"
	doSignature = "check BRIDGE_PUSH_SECRET_KEY, BRIDGE_PUSH_SDKAPPID, BRIDGE_PUSH_IDENTIFIER and this host's clock: a new signature was refused too"
	doPlan      = "check at the vendor's console that the app is enabled and its plan is paid and allows this call"
	doFeature   = "enable pushing to all and tagged users at the vendor's console"
	doURL       = "check BRIDGE_PUSH_REGION or BRIDGE_PUSH_URL, and the proxy if there is one"
	doAddress   = "allow this host's address at the vendor's console"
	doTrust     = "name the server's authority in BRIDGE_PUSH_CA_FILE, or check BRIDGE_PUSH_URL and the proxy"
	doUnknown   = "look the code up in the vendor's documentation; it came twice in a row"
)

// ruleOf is the code table of push-api.md, in its order.
func ruleOf(code int) rule {
	switch code {
	case 0:
		return rule{class: ClassOK, known: true}

	// The request itself. The bridge builds legal requests, so one of these is a
	// defect of ours or a limit that moved: sending it again changes nothing.
	case 90001, // JSON did not parse
		90002, 90007, 90010, // MsgBody wrong, no array, not to the format
		90005,               // MsgRandom missing or no integer
		90020, 90022, 90032, // tag over 50 bytes, repeated tags, over 10 tags
		90026,        // offline storage over 7 days
		90033,        // attribute not valid, or not one of the app's
		90039, 90040, // attributes and tags together, empty tag
		90049, 90050, 90051, 90052, // answers to a recall, final there
		90056,        // body over 10 K
		60002, 60003: // HTTP or JSON not parsed
		return rule{class: ClassReject, known: true}

	case 90009, // caller is no app administrator
		70403:
		return rule{class: ClassConfig, do: doAdmin, known: true}
	case 90045: // pushing to all and tagged users not enabled
		return rule{class: ClassConfig, do: doFeature, known: true}

	case 90024: // a second or less since the last push
		return rule{class: ClassWait, known: true}
	case 90047: // daily quota spent
		return rule{class: ClassQuota, known: true}

	case 91000, 70500: // internal error, "try again"
		return rule{class: ClassRetry, known: true}

	// Account, signature, administrator or app id missing or wrong in the URL,
	// which is the same for every call; likewise 70107 and 70402.
	case 60004, 60005, 60010, 60012, 70107, 70402:
		return rule{class: ClassConfig, do: doAccount, known: true}
	case 60006, 60016, 60017, 60020: // app disabled, or its plan does not allow it
		return rule{class: ClassConfig, do: doPlan, known: true}
	case 60009: // no such resource
		return rule{class: ClassConfig, do: doURL, known: true}
	case 60021: // caller's address not allowed
		return rule{class: ClassConfig, do: doAddress, known: true}

	case 60007, 60011, 60018, 60019, // REST calls too frequent
		70050, 70051: // signature checked too often, account locked out
		return rule{class: ClassWait, known: true}

	// A backend timed out behind the one that answered: the push may be done.
	case 60008, 60014, 70169, 70202, 70206:
		return rule{class: ClassDoubt, known: true}

	case 70001, // signature expired
		// Empty, not verifiable, for another account or app. A new signature with
		// a wrong key is wrong again, but a clock that jumped is mended by it.
		70002, 70003, 70005, 70009, 70013, 70014, 70016, 70020:
		return rule{class: ClassResign, do: doSignature, known: true}
	}
	if code >= 90000 && code <= 99999 {
		// The range of this API's own complaints about a request.
		return rule{class: ClassReject}
	}
	// 60000 to 79999 are the gateway's and the account system's codes, which
	// speak about the caller; a code of no known range is treated likewise.
	// Nothing is dropped: if it comes again, calls stop until somebody looks.
	return rule{class: ClassRetry, do: doUnknown}
}
