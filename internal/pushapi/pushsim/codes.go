package pushsim

// The codes that the simulator judges by itself, from push-api.md and its long
// form. Every other code is reached by a programmed [Fault].
const (
	codeOK = 0

	codeBadHTTP         = 60002 // query not parsed, wrong content type
	codeNoJSON          = 60003 // body is no JSON object at all
	codeNoIdentifier    = 60004
	codeNoUserSig       = 60005
	codeBadAppID        = 60006
	codeTooManyRequests = 60007
	codeNoResource      = 60009
	codeNoAppID         = 60012
	codeBadAccountType  = 60015
	codeAppDisabled     = 60016
	codePlanExpired     = 60020
	codeIPNotAllowed    = 60021

	codeSigExpired     = 70001
	codeSigEmpty       = 70002
	codeSigUnreadable  = 70003
	codeSigWrongKey    = 70009
	codeSigOtherUser   = 70013
	codeSigOtherApp    = 70014
	codeAppUnknown     = 70020
	codeSigTooOften    = 70050
	codeAccountUnknown = 70107
	codeBadParameter   = 70402

	codeBadJSON         = 90001
	codeBadMsgBody      = 90002
	codeBadMsgRandom    = 90005
	codeMsgBodyNoArray  = 90007
	codeNotAdmin        = 90009
	codeBadFormat       = 90010
	codeTooManyAccounts = 90018
	codeTagTooLong      = 90020
	codeTagRepeated     = 90022
	codeTooSoon         = 90024
	codeLifeTimeTooLong = 90026
	codeTooManyTags     = 90032
	codeBadAttribute    = 90033
	codeTagsAndAttrs    = 90039
	codeTagEmpty        = 90040
	codeBadOffline      = 90043
	codeBadLifeTime     = 90044
	codePushOff         = 90045
	codeQuotaSpent      = 90047
	codeTaskUnknown     = 90049
	codeAlreadyRevoked  = 90050
	codeRevokeTooOften  = 90051
	codeRevokeTooLate   = 90052
	codeRequestTooLarge = 90056
)

// Limits of the API, each with the code that a violation gets.
const (
	limitTags            = 10   // tags in one condition, 90032
	limitTagBytes        = 50   // UTF-8 bytes of a tag, 90020
	limitAttrBytes       = 50   // UTF-8 bytes of an attribute's name or value, 90033
	limitAttrNames       = 10   // attribute names in an app, numbered "0" to "9"
	limitUserTags        = 100  // tags of a user
	limitAppTags         = 1000 // distinct tags in an app
	limitUserIDBytes     = 32
	limitAccounts        = 100     // accounts in one tag or attribute request, 90018
	limitStatisticsTasks = 5       // tasks in one statistics request
	limitLifeTime        = 604_800 // seconds, 90026
)

// refusal is why a request is not done. The zero refusal is none.
type refusal struct {
	code int
	info string
}

func refuse(code int, info string) refusal { return refusal{code: code, info: info} }

// given reports whether there is a refusal.
func (r refusal) given() bool { return r.code != codeOK }
