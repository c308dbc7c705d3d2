//! Expressions that hold in cel-go.

use super::lower::lower;
use super::machine::{Fault, OUT_OF_BUDGET, metered, scoped};
use super::parse;
use super::types::{Names, Shape, Type, infer};
use super::value::plain;
use kube_cel::cel::Value as Cel;
use serde_json::json;
use std::sync::Arc;

struct Known;

impl Names for Known {
    fn variable(&self, name: &str) -> Option<Type> {
        (name == "o").then_some(Type::Dyn)
    }

    fn message(&self, _: &str) -> Option<Arc<dyn Shape>> {
        None
    }
}

const HOLD: &[&str] = &[
    "string(true) == 'true' && string(o.flag) == 'true'",
    "string(1) == '1' && string(1.5) == '1.5' && string(b'abc') == 'abc' && string('x') == 'x' && string(2u) == '2'",
    "bool('true') && !bool('false') && bool(true)",
    "int('5') == 5 && int(5.9) == 5 && int(7u) == 7 && int(timestamp('1970-01-01T00:01:00Z')) == 60",
    "uint('5') == 5u && uint(5) == 5u && double('1.5') == 1.5 && double(2) == 2.0",
    "dyn(1) == 1 && type(1) == int && type('a') == string && type([]) == list",
    "timestamp('2024-01-01T00:00:00Z') < timestamp('2024-01-02T00:00:00Z')",
    "timestamp('2024-01-01T00:00:00Z') + duration('24h') == timestamp('2024-01-02T00:00:00Z')",
    "timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z') == duration('24h')",
    "timestamp('2024-02-03T04:05:06Z').getFullYear() == 2024 && timestamp('2024-02-03T04:05:06Z').getMonth() == 1",
    "timestamp('2024-02-03T04:05:06Z').getDayOfMonth() == 2 && timestamp('2024-02-03T04:05:06Z').getDate() == 3",
    "timestamp('2024-02-03T04:05:06Z').getHours() == 4 && timestamp('2024-02-03T04:05:06Z').getDayOfWeek() == 6",
    "duration('90s').getMinutes() == 1 && duration('1h').getHours() == 1",
    "string(timestamp('2024-01-01T00:00:00Z')) == '2024-01-01T00:00:00Z' && string(duration('90s')) == '90s'",
    "size('héllo') == 5 && 'abc'.size() == 3 && size([1, 2]) == 2 && size({'a': 1}) == 1",
    "'hello'.contains('ell') && 'hello'.startsWith('he') && 'hello'.endsWith('lo') && 'hello'.matches('^h.*o$')",
    "'abc'.charAt(1) == 'b' && 'abcb'.indexOf('b') == 1 && 'abcb'.lastIndexOf('b') == 3 && 'abcb'.indexOf('b', 2) == 3",
    "'aBc'.lowerAscii() == 'abc' && 'aBc'.upperAscii() == 'ABC' && ' a '.trim() == 'a' && 'abc'.reverse() == 'cba'",
    "'a-b-c'.replace('-', '+') == 'a+b+c' && 'a-b-c'.replace('-', '+', 1) == 'a+b-c'",
    "'a,b'.split(',') == ['a', 'b'] && 'a,b,c'.split(',', 2) == ['a', 'b,c'] && ['a', 'b'].join(',') == 'a,b' && ['a'].join() == 'a'",
    "'hello'.substring(1) == 'ello' && 'hello'.substring(1, 3) == 'el'",
    "'%s-%d'.format(['a', 1]) == 'a-1' && '%.2f'.format([1.5]) == '1.50'",
    "'abc 123'.find('[0-9]+') == '123' && '1 2'.findAll('[0-9]') == ['1', '2'] && '1 2 3'.findAll('[0-9]', 2) == ['1', '2']",
    "[1, 2, 3].isSorted() && [1, 2, 3].sum() == 6 && [3, 1].min() == 1 && [3, 1].max() == 3",
    "[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2",
    "[1, 2, 3].slice(0, 2) == [1, 2] && [3, 1].sort() == [1, 3] && [1, 1].distinct() == [1] && [[1], [2]].flatten() == [1, 2]",
    "lists.range(3) == [0, 1, 2] && [1, 2].reverse() == [2, 1]",
    "[1, 2].first().value() == 1 && [1, 2].last().value() == 2 && ![].first().hasValue()",
    "sets.contains([1, 2], [1]) && sets.equivalent([1, 2], [2, 1]) && sets.intersects([1], [1, 2])",
    "base64.encode(b'hi') == 'aGk=' && base64.decode('aGk=') == b'hi'",
    "math.greatest(1, 5) == 5 && math.least(1, 5) == 1 && math.greatest([1, 2]) == 2 && math.abs(-1) == 1 && math.ceil(1.2) == 2.0",
    "url('https://a.b:8/c?d=e').getHost() == 'a.b:8' && url('https://a.b/c').getScheme() == 'https' && isURL('https://a.b')",
    "url('https://a.b:8/c?d=e').getQuery() == {'d': ['e']} && url('https://a.b:8/c').getPort() == '8'",
    "quantity('1Gi').isGreaterThan(quantity('1Mi')) && isQuantity('1k') && quantity('2').asInteger() == 2 && quantity('1').compareTo(quantity('2')) == -1",
    "quantity('1').add(quantity('2')).asInteger() == 3 && quantity('5').sub(1).asInteger() == 4 && quantity('1500m').asApproximateFloat() == 1.5",
    "ip('10.0.0.1').family() == 4 && isIP('::1') && ip('127.0.0.1').isLoopback() && ip.isCanonical('10.0.0.1') && string(ip('10.0.0.1')) == '10.0.0.1'",
    "cidr('10.0.0.0/8').containsIP('10.1.1.1') && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('10.0.0.0/8').prefixLength() == 8 && isCIDR('10.0.0.0/8')",
    "semver('1.2.3').major() == 1 && isSemver('1.2.3') && semver('1.2.3').isLessThan(semver('1.3.0'))",
    "!format.dns1123Label().validate('ok').hasValue() && format.dns1123Label().validate('Not_ok').hasValue()",
    "jsonpatch.escapeKey('a/b~c') == 'a~1b~0c'",
    "o.list.all(x, x > 0) && o.list.exists(x, x == 2) && o.list.exists_one(x, x == 2) && o.list.map(x, x * 2) == [2, 4, 6]",
    "o.list.filter(x, x > 1) == [2, 3] && o.list.map(x, x > 1, x + 1) == [3, 4] && o.map.all(k, k in ['a', 'b'])",
    "2 in o.list && 'a' in o.map && !('c' in o.map) && o.map['a'] == 1 && o.list[0] == 1",
    "has(o.map) && !has(o.nothing) && has(o.map.a)",
    "o.?map.?a.orValue(9) == 1 && o.?nothing.?a.orValue(9) == 9 && o.map[?'z'].orValue(0) == 0",
    "optional.of(1).optMap(x, x + 1).value() == 2 && optional.none().or(optional.of(3)).value() == 3",
    "optional.ofNonZeroValue('').hasValue() == false && optional.of(2).optFlatMap(x, optional.of(x)).value() == 2",
    "cel.bind(x, 2, x * x) == 4",
    "(o.list.size() > 2 ? 'many' : 'few') == 'many'",
    "1 + 2 * 3 == 7 && 7 % 3 == 1 && -(-1) == 1 && 7 / 2 == 3 && 1 < 2 && 2.0 > 1.0",
    "[1] + [2] == [1, 2] && 'a' + 'b' == 'ab' && b'a' + b'b' == b'ab'",
    "null == null && o.none == null && {'a': 1} == {'a': 1} && [1, 2] != [2, 1]",
    "o.none == null || o.none.x == 1",
    "(o.missing == 1 || true) && !(false && o.missing == 1)",
    "[?optional.of(1), ?optional.none()] == [1] && {?'a': optional.of(1), ?'b': optional.none()} == {'a': 1}",
    "'\\u00e9' == 'é' && r'\\d' == '\\\\d' && \"q\" == 'q'",
];

#[test]
fn expressions_that_hold() {
    let object = json!({"flag": true, "list": [1, 2, 3], "map": {"a": 1, "b": 2}, "none": null});
    let mut wrong = Vec::new();
    for source in HOLD {
        let compiled = parse(source).and_then(|expression| infer(&expression, source, &Known).map(|found| (expression, found)));
        let (mut expression, found) = match compiled {
            Ok(compiled) => compiled,
            Err(text) => {
                wrong.push(format!("{source}\n    {text}"));
                continue;
            }
        };
        if !matches!(found, Type::Bool) {
            wrong.push(format!("{source}\n    is of type {found}"));
        }
        lower(&mut expression, &|_, _| false);
        let result = scoped([("o", plain(&object))], |scope| scope.evaluate(&expression, None));
        if result != Ok(Cel::Bool(true)) {
            wrong.push(format!("{source}\n    {result:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), HOLD.len(), wrong.join("\n"));
}

#[test]
fn what_grows_is_paid_for() {
    let evaluate = |source: &str, budget| {
        let mut expression = parse(source).unwrap();
        lower(&mut expression, &|_, _| false);
        let text = "a".repeat(1000);
        let object = json!({"text": text, "list": vec![1; 100]});
        metered(budget, || scoped([("o", plain(&object))], |scope| scope.evaluate(&expression, None)))
    };
    for source in [
        "o.list.map(x, o.text).size() == 100",
        "o.text.replace('a', o.text).size() == 1000000",
        "(o.text + o.text + o.text).size() == 3000",
        "o.list.all(x, o.list.all(y, x == y))",
        "o.list.map(x, x).size() == 100",
    ] {
        let (result, left) = evaluate(source, 10_000_000);
        assert_eq!(result, Ok(Cel::Bool(true)), "{source}");
        let cost = 10_000_000 - left;
        assert!(cost > 0, "{source} costs nothing");
        let (result, left) = evaluate(source, cost - 1);
        assert_eq!(result, Err(Fault::Text(OUT_OF_BUDGET.to_owned())), "{source}");
        assert!(left < 0, "{source}");
    }
    // A text that would be longer than any may be is not made.
    assert!(evaluate("o.text.replace('a', o.text).replace('a', o.text) == ''", i64::MAX).0.is_err());
}
