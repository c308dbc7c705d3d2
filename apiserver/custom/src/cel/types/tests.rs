//! What the walk finds, in cel-go's words.

use super::*;
use crate::cel::parse;

#[derive(Debug)]
struct Spec;

impl Shape for Spec {
    fn name(&self) -> &str {
        "Spec"
    }

    fn field(&self, name: &str) -> Option<Type> {
        match name {
            "replicas" => Some(Type::Int),
            "name" => Some(Type::String),
            "tags" => Some(Type::list(Type::String)),
            "labels" => Some(Type::map(Type::String)),
            _ => None,
        }
    }
}

struct Known;

impl Names for Known {
    fn variable(&self, name: &str) -> Option<Type> {
        match name {
            "spec" => Some(Type::Object(Arc::new(Spec))),
            "any" => Some(Type::Dyn),
            "authorizer" => Some(Type::Opaque("kubernetes.authorization.Authorizer")),
            _ => None,
        }
    }

    fn message(&self, name: &str) -> Option<Arc<dyn Shape>> {
        (name == "Spec").then(|| Arc::new(Spec) as Arc<dyn Shape>)
    }
}

fn of(source: &str) -> Result<String, String> {
    let expression = parse(source)?;
    infer(&expression, source, &Known).map(|found| found.to_string())
}

#[test]
fn types_follow_from_variables_and_functions() {
    for (source, wanted) in [
        ("spec.replicas > 1", "bool"),
        ("any.x.y", "dyn"),
        ("spec.replicas > 1 || spec.name == 'a' && !any.b", "bool"),
        ("any.x + 1", "int"),
        ("'a' + any.b", "string"),
        ("spec.tags.map(t, size(t))", "list(int)"),
        ("spec.tags.filter(t, t.startsWith('a'))", "list(string)"),
        ("spec.tags.all(t, t in ['a', 'b'])", "bool"),
        ("spec.labels.all(k, spec.labels[k] != '')", "bool"),
        ("spec.?labels[?'a'].orValue('b')", "string"),
        ("spec.labels[?'a'].optMap(v, size(v)).orValue(0)", "int"),
        ("cel.bind(n, spec.replicas, n * n)", "int"),
        ("any.c ? spec.replicas : any.d", "dyn"),
        ("authorizer.group('apps').resource('deployments').namespace('d').check('get').allowed()", "bool"),
        ("quantity('1Gi').isGreaterThan(quantity('1Mi'))", "bool"),
        ("Spec{replicas: 2, name: 'x'}", "Spec"),
        ("[1, 'a']", "list(dyn)"),
        ("{'a': 1}", "map(string, int)"),
        ("type(any) == string", "bool"),
        ("dyn(1)", "dyn"),
        ("duration('1h') + duration('1m') < duration('2h')", "bool"),
    ] {
        assert_eq!(of(source).as_deref(), Ok(wanted), "{source}");
    }
}

#[test]
fn faults_read_as_cel_go_writes_them() {
    for (source, wanted) in [
        (
            "spec.replicas > '1'",
            "ERROR: <input>:1:15: found no matching overload for '_>_' applied to '(int, string)'\n | spec.replicas > '1'\n | ..............^",
        ),
        ("spec.maxRetries < 10", "ERROR: <input>:1:5: undefined field 'maxRetries'\n | spec.maxRetries < 10\n | ....^"),
        (
            "'n ' + spec.replicas",
            "ERROR: <input>:1:6: found no matching overload for '_+_' applied to '(string, int)'\n | 'n ' + spec.replicas\n | .....^",
        ),
        ("nobody == 1", "ERROR: <input>:1:1: undeclared reference to 'nobody' (in container '')\n | nobody == 1\n | ^"),
        (
            "spec.replicas.startsWith('a')",
            "ERROR: <input>:1:25: found no matching overload for 'startsWith' applied to 'int.(string)'\n | spec.replicas.startsWith('a')\n | ........................^",
        ),
        ("frob(1)", "ERROR: <input>:1:5: undeclared reference to 'frob' (in container '')\n | frob(1)\n | ....^"),
        ("1 == 'a'", "ERROR: <input>:1:3: found no matching overload for '_==_' applied to '(int, string)'\n | 1 == 'a'\n | ..^"),
    ] {
        assert_eq!(of(source).unwrap_err(), wanted, "{source}");
    }
}
