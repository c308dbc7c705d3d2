use serde_json::json;

use super::*;

fn error(text: &str) -> String {
    LabelSelector::parse(text).unwrap_err().to_string()
}

fn matches(selector: &str, labels: Value) -> bool {
    LabelSelector::parse(selector).unwrap().matches_labels(Some(&labels))
}

#[test]
fn matches_as_the_exchanges_list() {
    let odd = json!({"tier": "odd"});
    let even = json!({"tier": "even", "extra": "1"});
    assert!(matches("tier=odd", odd.clone()) && !matches("tier=odd", even.clone()));
    assert!(matches("tier in (even),extra", even.clone()) && !matches("tier in (even),extra", odd.clone()));
    assert!(matches("tier,tier notin (even)", odd.clone()) && !matches("tier,tier notin (even)", json!({})));
    assert!(matches("tier,!extra", odd.clone()) && !matches("tier,!extra", even.clone()));
    assert!(matches("n>5", json!({"n": "6"})) && !matches("n<5", json!({"n": "6"})) && !matches("n>5", json!({"n": "x"})));
    assert!(matches("other!=x", odd.clone()) && matches("", odd.clone()));
    assert!(
        matches("x in (,a)", json!({"x": ""})) && matches("x=", json!({"x": ""})) && matches("in in (in)", json!({"in": "in"}))
    );
    assert!(LabelSelector::parse("!a").unwrap().matches_labels(None) && !LabelSelector::parse("a").unwrap().matches_labels(None));
}

#[test]
fn refuses_in_upstreams_words() {
    assert_eq!(error("tier in odd"), "unable to parse requirement: found 'odd' expected: '('");
    assert_eq!(error("a b"), "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt");
    assert_eq!(error("a,"), "found '', expected: identifier after ','");
    assert_eq!(error("=a"), "found '=', expected: !, identifier, or 'end of string'");
    assert_eq!(error("a=b=c"), "found '=', expected: ',' or 'end of string'");
    assert_eq!(error("!=a"), "found '!=', expected: !, identifier, or 'end of string'");
    assert_eq!(error("a==="), "unable to parse requirement: found '=', expected: identifier");
    assert_eq!(
        error("n>x"),
        "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"
    );
    assert!(error("_a=b").starts_with("unable to parse requirement: <nil>: Invalid value: \"_a\": name part must consist of"));
    assert!(error("a=-").starts_with("unable to parse requirement: values[0][a]: Invalid value: \"-\": a valid label must be"));
}

#[test]
fn objects_become_the_same() {
    let object = json!({"matchLabels": {"b": "1"}, "matchExpressions": [{"key": "a", "operator": "In", "values": ["y", "x"]}]});
    let selector = LabelSelector::from_object(Some(&object)).unwrap();
    assert_eq!(selector.to_string(), "a in (x,y),b=1");
    assert_eq!(LabelSelector::parse(&selector.to_string()).unwrap().to_string(), "a in (x,y),b=1");
    assert!(LabelSelector::from_object(None).unwrap().is_nothing());
    assert!(LabelSelector::from_object(Some(&json!({}))).unwrap().is_everything());
    let bad = LabelSelector::from_object(Some(&json!({"matchExpressions": [{"key": "a", "operator": "Has"}]})));
    assert_eq!(bad.unwrap_err().to_string(), "\"Has\" is not a valid label selector operator");
    let empty = LabelSelector::from_object(Some(&json!({"matchExpressions": [{"key": "a", "operator": "In"}]})));
    assert_eq!(
        empty.unwrap_err().to_string(),
        "values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty"
    );
}

#[test]
fn field_selectors() {
    let parsed = parse_field_selector("status.phase!=Running,metadata.name==a\\,b,").unwrap();
    assert_eq!(parsed[0], FieldRequirement { path: "metadata.name".into(), equal: true, value: "a,b".into() });
    assert_eq!(parsed[1], FieldRequirement { path: "status.phase".into(), equal: false, value: "Running".into() });
    assert!(parse_field_selector("").unwrap().is_empty());
    let text = |t| parse_field_selector(t).unwrap_err().to_string();
    assert_eq!(text("a"), "invalid selector: 'a'; can't understand 'a'");
    assert_eq!(text("a=b\\c"), "invalid field selector: invalid escape sequence: \\c");
    assert_eq!(text("a=b=c"), "invalid field selector: unescaped character in value: 61");
    assert_eq!(escape_field_value("a,b=c\\"), "a\\,b\\=c\\\\");
}
