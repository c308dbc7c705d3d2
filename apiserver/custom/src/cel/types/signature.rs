//! The functions of the language and of Kubernetes' libraries with what they take and give, as data.

use super::Type;
use std::collections::HashMap;
use std::sync::LazyLock;

/// One way to call a function.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) args: Vec<Type>,
    pub(super) result: Type,
}

/// Ways to call functions, by name; methods begin with a dot and take their target first.
pub(super) static SIGNATURES: LazyLock<HashMap<&'static str, Vec<Signature>>> = LazyLock::new(|| {
    let mut all: HashMap<&'static str, Vec<Signature>> = HashMap::new();
    for line in TABLE.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let (Some(names), Some(args), Some(result)) = (words.next(), words.next(), words.next()) else { continue };
        let args = if args == "-" { Vec::new() } else { split(args).into_iter().map(read).collect::<Vec<_>>() };
        for name in names.split(';') {
            all.entry(name).or_default().push(Signature { args: args.clone(), result: read(result) });
        }
    }
    all
});

/// Splits at commas that are in no parentheses.
fn split(text: &'static str) -> Vec<&'static str> {
    let (mut depth, mut from, mut out) = (0, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                out.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    out.push(&text[from..]);
    out
}

fn read(text: &'static str) -> Type {
    if let Some((head, rest)) = text.split_once('(') {
        let mut inner = split(rest.strip_suffix(')').unwrap_or(rest)).into_iter().map(read);
        let mut next = || inner.next().unwrap_or(Type::Dyn);
        return match head {
            "list" => Type::list(next()),
            "optional" => Type::optional(next()),
            "type" => Type::Type(next().into()),
            _ => Type::Map(next().into(), next().into()),
        };
    }
    match text {
        "dyn" => Type::Dyn,
        "null" => Type::Null,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "timestamp" => Type::Timestamp,
        "duration" => Type::Duration,
        "A" => Type::Param('A'),
        "B" => Type::Param('B'),
        "C" => Type::Param('C'),
        name => Type::Opaque(name),
    }
}

// Name (several with `;`), arguments (`-` for none), result.
const TABLE: &str = "
_+_ int,int int
_+_ uint,uint uint
_+_ double,double double
_+_ string,string string
_+_ bytes,bytes bytes
_+_ list(A),list(A) list(A)
_+_ timestamp,duration timestamp
_+_ duration,timestamp timestamp
_+_ duration,duration duration
_-_;_*_;_/_ int,int int
_-_;_*_;_/_ uint,uint uint
_-_;_*_;_/_ double,double double
_-_ timestamp,timestamp duration
_-_ timestamp,duration timestamp
_-_ duration,duration duration
_%_ int,int int
_%_ uint,uint uint
-_ int int
-_ double double
!_ bool bool
_&&_;_||_ bool,bool bool
_?_:_ bool,A,A A
_==_;_!=_ A,A bool
_<_;_<=_;_>_;_>=_ bool,bool bool
_<_;_<=_;_>_;_>=_ int,int bool
_<_;_<=_;_>_;_>=_ int,double bool
_<_;_<=_;_>_;_>=_ int,uint bool
_<_;_<=_;_>_;_>=_ uint,uint bool
_<_;_<=_;_>_;_>=_ uint,double bool
_<_;_<=_;_>_;_>=_ uint,int bool
_<_;_<=_;_>_;_>=_ double,double bool
_<_;_<=_;_>_;_>=_ double,int bool
_<_;_<=_;_>_;_>=_ double,uint bool
_<_;_<=_;_>_;_>=_ string,string bool
_<_;_<=_;_>_;_>=_ bytes,bytes bool
_<_;_<=_;_>_;_>=_ timestamp,timestamp bool
_<_;_<=_;_>_;_>=_ duration,duration bool
@in A,list(A) bool
@in A,map(A,B) bool
_[_] list(A),int A
_[_] map(A,B),A B
_[_] optional(list(A)),int optional(A)
_[_] optional(map(A,B)),A optional(B)
_[?_] list(A),int optional(A)
_[?_] map(A,B),A optional(B)
_[?_] optional(list(A)),int optional(A)
_[?_] optional(map(A,B)),A optional(B)
@not_strictly_false bool bool
size;.size string int
size;.size bytes int
size;.size list(A) int
size;.size map(A,B) int
type A type(A)
dyn A dyn
bool bool bool
bool string bool
bytes bytes bytes
bytes string bytes
int int int
int uint int
int double int
int string int
int timestamp int
int duration int
uint uint uint
uint int uint
uint double uint
uint string uint
double double double
double int double
double uint double
double string double
string bool string
string bytes string
string int string
string uint string
string double string
string string string
string timestamp string
string duration string
string net.IP string
string net.CIDR string
timestamp timestamp timestamp
timestamp string timestamp
timestamp int timestamp
duration duration duration
duration string duration
duration int duration
.contains;.startsWith;.endsWith;.matches string,string bool
matches string,string bool
.getFullYear;.getMonth;.getDayOfYear;.getDayOfMonth;.getDate;.getDayOfWeek timestamp int
.getFullYear;.getMonth;.getDayOfYear;.getDayOfMonth;.getDate;.getDayOfWeek timestamp,string int
.getHours;.getMinutes;.getSeconds;.getMilliseconds timestamp int
.getHours;.getMinutes;.getSeconds;.getMilliseconds timestamp,string int
.getHours;.getMinutes;.getSeconds;.getMilliseconds duration int
optional.of;optional.ofNonZeroValue A optional(A)
optional.none - optional(A)
.value optional(A) A
.hasValue optional(A) bool
.or optional(A),optional(A) optional(A)
.orValue optional(A),A A
.charAt string,int string
.indexOf;.lastIndexOf string,string int
.indexOf;.lastIndexOf string,string,int int
.lowerAscii;.upperAscii;.trim;.reverse string string
.replace string,string,string string
.replace string,string,string,int string
.split string,string list(string)
.split string,string,int list(string)
.substring string,int string
.substring string,int,int string
.format string,list(dyn) string
.join list(string) string
.join list(string),string string
strings.quote string string
.find string,string string
.findAll string,string list(string)
.findAll string,string,int list(string)
.isSorted list(A) bool
.sum list(int) int
.sum list(uint) uint
.sum list(double) double
.sum list(duration) duration
.min;.max list(A) A
.indexOf;.lastIndexOf list(A),A int
.slice list(A),int,int list(A)
.sort;.reverse;.distinct list(A) list(A)
.flatten list(list(A)) list(A)
.flatten list(dyn),int list(dyn)
.first;.last list(A) optional(A)
lists.range int list(int)
sets.contains;sets.equivalent;sets.intersects list(A),list(A) bool
base64.encode bytes string
base64.decode string bytes
math.greatest;math.least int int
math.greatest;math.least uint uint
math.greatest;math.least double double
math.greatest;math.least list(A) A
math.greatest;math.least dyn,dyn dyn
math.greatest;math.least dyn,dyn,dyn dyn
math.greatest;math.least dyn,dyn,dyn,dyn dyn
math.ceil;math.floor;math.round;math.trunc;math.sqrt double double
math.sqrt int double
math.sqrt uint double
math.abs;math.sign int int
math.abs;math.sign uint uint
math.abs;math.sign double double
math.isInf;math.isNaN;math.isFinite double bool
math.bitAnd;math.bitOr;math.bitXor;math.bitShiftLeft;math.bitShiftRight int,int int
math.bitAnd;math.bitOr;math.bitXor uint,uint uint
math.bitShiftLeft;math.bitShiftRight uint,int uint
math.bitNot int int
math.bitNot uint uint
url string kubernetes.URL
isURL string bool
.getScheme;.getHost;.getHostname;.getPort;.getEscapedPath kubernetes.URL string
.getQuery kubernetes.URL map(string,list(string))
quantity string kubernetes.Quantity
isQuantity string bool
.isInteger kubernetes.Quantity bool
.asInteger;.sign kubernetes.Quantity int
.asApproximateFloat kubernetes.Quantity double
.add;.sub kubernetes.Quantity,kubernetes.Quantity kubernetes.Quantity
.add;.sub kubernetes.Quantity,int kubernetes.Quantity
.isGreaterThan;.isLessThan kubernetes.Quantity,kubernetes.Quantity bool
.compareTo kubernetes.Quantity,kubernetes.Quantity int
semver string kubernetes.Semver
semver string,bool kubernetes.Semver
isSemver string bool
isSemver string,bool bool
.major;.minor;.patch kubernetes.Semver int
.isGreaterThan;.isLessThan kubernetes.Semver,kubernetes.Semver bool
.compareTo kubernetes.Semver,kubernetes.Semver int
ip string net.IP
ip.isCanonical string bool
isIP string bool
.family net.IP int
.isUnspecified;.isLoopback;.isLinkLocalMulticast;.isLinkLocalUnicast;.isGlobalUnicast net.IP bool
cidr string net.CIDR
isCIDR string bool
.containsIP net.CIDR,string bool
.containsIP net.CIDR,net.IP bool
.containsCIDR net.CIDR,string bool
.containsCIDR net.CIDR,net.CIDR bool
.ip net.CIDR net.IP
.masked net.CIDR net.CIDR
.prefixLength net.CIDR int
format.dns1123Label;format.dns1123Subdomain;format.dns1035Label;format.qualifiedName;format.labelValue - kubernetes.NamedFormat
format.dns1123LabelPrefix;format.dns1123SubdomainPrefix;format.dns1035LabelPrefix - kubernetes.NamedFormat
format.uri;format.uuid;format.byte;format.date;format.datetime - kubernetes.NamedFormat
.validate kubernetes.NamedFormat,string optional(list(string))
jsonpatch.escapeKey string string
.path kubernetes.authorization.Authorizer,string kubernetes.authorization.PathCheck
.group kubernetes.authorization.Authorizer,string kubernetes.authorization.GroupCheck
.serviceAccount kubernetes.authorization.Authorizer,string,string kubernetes.authorization.Authorizer
.resource kubernetes.authorization.GroupCheck,string kubernetes.authorization.ResourceCheck
.subresource;.namespace;.name;.fieldSelector;.labelSelector kubernetes.authorization.ResourceCheck,string kubernetes.authorization.ResourceCheck
.check kubernetes.authorization.ResourceCheck,string kubernetes.authorization.Decision
.check kubernetes.authorization.PathCheck,string kubernetes.authorization.Decision
.allowed;.errored kubernetes.authorization.Decision bool
.reason;.error kubernetes.authorization.Decision string
";
