//! Policies about requests, as a stock server decides.

use crate::matching::Objects;
use crate::mutating::{Round, Workshop, mutate};
use crate::request::{Operation, Request, Resource, Surroundings};
use crate::typing::{Arena, Kind, status, type_of};
use crate::validating::{Verdict, validate};
use crate::{Binding, Flavour, Hook, Policy};
use serde_json::{Value, json};
use skiff_access::User;
use skiff_custom::cel::{Decide, Wish};
use skiff_patch::apply::{Origin, Subject};
use skiff_schema::{Gvk, facts};
use std::sync::Arc;

struct Cluster {
    params: Vec<Value>,
}

struct Judge;

impl Decide for Judge {
    fn decide(&self, wish: &Wish) -> (bool, String) {
        (wish.verb == "get" && wish.resource == "pods" && wish.namespace == "shop", "because".to_owned())
    }
}

impl Surroundings for Cluster {
    fn namespace(&self, name: &str) -> Option<Value> {
        (name == "shop").then(|| json!({"metadata": {"name": "shop", "labels": {"tier": "gold"}}}))
    }

    fn equivalents(&self, resource: &Resource, _: &str) -> Vec<Resource> {
        vec![Resource { version: "v1beta9".into(), kind_version: "v1beta9".into(), ..resource.clone() }]
    }

    fn convert(&self, object: &Value, to: &Resource) -> Result<Value, String> {
        let mut object = object.clone();
        object["apiVersion"] = to.api_version().into();
        Ok(object)
    }

    fn param_scope(&self, version: &str, kind: &str) -> Option<bool> {
        (version == "v1" && kind == "ConfigMap").then_some(true)
    }

    fn params(&self, _: &str, _: &str, namespace: Option<&str>, name: Option<&str>) -> Vec<Value> {
        let matches = |param: &&Value| {
            let text = |at: &str| param.pointer(at).and_then(Value::as_str);
            text("/metadata/namespace") == namespace && (name.is_none() || text("/metadata/name") == name)
        };
        self.params.iter().filter(matches).cloned().collect()
    }

    fn judge(&self) -> Arc<dyn Decide> {
        Arc::new(Judge)
    }
}

impl Workshop for Cluster {
    fn adopt(&self, object: Value) -> Result<Value, String> {
        Ok(object)
    }

    fn typed(&self, _: &Resource, work: &mut dyn FnMut(Option<Subject<'_>>)) {
        let facts = facts::built_in();
        let root = facts.kind(&Gvk::new("apps", "v1", "Deployment"));
        work(root.map(|root| Subject { schema: &facts.schema, root, origin: Origin::BuiltIn }));
    }
}

fn deployments() -> Resource {
    Resource {
        group: "apps".into(),
        version: "v1".into(),
        plural: "deployments".into(),
        kind_group: "apps".into(),
        kind_version: "v1".into(),
        kind: "Deployment".into(),
    }
}

fn deployment(replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "c", "image": "reg/a:1"}]}}}})
}

fn policy(spec: Value) -> Value {
    let mut spec = spec;
    if spec.get("matchConstraints").is_none() {
        spec["matchConstraints"] = json!({"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}]});
    }
    json!({"metadata": {"name": "p", "generation": 1}, "spec": spec})
}

fn hook(flavour: Flavour, spec: Value, binding: Value) -> Hook {
    let policy = Policy::compile(flavour, &policy(spec));
    assert_eq!(policy.faults(), [], "the policy compiles");
    let binding = Binding::read(&json!({"metadata": {"name": "b"}, "spec": binding}));
    Hook { policy: Arc::new(policy), bindings: vec![Arc::new(binding)] }
}

fn asked<R>(cluster: &Cluster, work: impl FnOnce(&Request<'_>, &Cluster) -> R) -> R {
    let user = User { name: "ann".into(), groups: vec!["devs".into()], ..User::default() };
    let options = json!({"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"});
    let request = Request {
        operation: Operation::Create,
        resource: deployments(),
        subresource: "",
        name: "web",
        namespace: "shop",
        user: &user,
        dry: false,
        options: &options,
    };
    work(&request, cluster)
}

fn verdict(hook: &Hook, object: &Value, cluster: &Cluster) -> Verdict {
    asked(cluster, |request, cluster| {
        validate(std::slice::from_ref(hook), request, Objects { new: Some(object), old: None }, cluster)
    })
}

fn denial(spec: Value, object: &Value) -> Option<(String, String)> {
    let hook = hook(Flavour::Validating, spec, json!({"policyName": "p", "validationActions": ["Deny"]}));
    let verdict = verdict(&hook, object, &Cluster { params: Vec::new() });
    verdict.denied.map(|denial| (denial.message, denial.reason.to_string()))
}

fn refused(text: &str, reason: &str) -> Option<(String, String)> {
    Some((format!("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: {text}"), reason.to_owned()))
}

#[test]
fn messages_and_reasons() {
    let rule = |more: Value| {
        let mut validation = json!({"expression": "object.spec.replicas <= 5"});
        validation.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"validations": [validation]})
    };
    assert_eq!(denial(rule(json!({})), &deployment(5)), None);
    assert_eq!(denial(rule(json!({})), &deployment(6)), refused("failed expression: object.spec.replicas <= 5", "Invalid"));
    assert_eq!(
        denial(rule(json!({"message": "too many", "reason": "Forbidden"})), &deployment(6)),
        refused("too many", "Forbidden")
    );
    let computed = json!({"messageExpression": "'at most 5, not ' + string(object.spec.replicas)", "message": "too many"});
    assert_eq!(denial(rule(computed), &deployment(6)), refused("at most 5, not 6", "Invalid"));
    let broken = json!({"messageExpression": "'at most 5, not ' + object.spec.replicas", "message": "too many"});
    assert_eq!(denial(rule(broken), &deployment(6)), refused("too many", "Invalid"));
}

#[test]
fn evaluation_errors_follow_the_failure_policy() {
    let spec = |policy: &str| json!({"failurePolicy": policy, "validations": [{"expression": "object.spec.none > 1"}]});
    assert_eq!(
        denial(spec("Fail"), &deployment(1)),
        refused("expression 'object.spec.none > 1' resulted in error: no such key: none", "Invalid")
    );
    assert_eq!(denial(spec("Ignore"), &deployment(1)), None);
    let of_nothing = json!({"validations": [{"expression": "oldObject.spec.replicas == 1"}]});
    let text = "expression 'oldObject.spec.replicas == 1' resulted in error: no such overload";
    assert_eq!(denial(of_nothing, &deployment(1)), refused(text, "Invalid"));
}

#[test]
fn variables_conditions_and_surroundings() {
    let holds = |expression: &str| {
        let spec = json!({"variables": [{"name": "replicas", "expression": "object.spec.replicas"},
                {"name": "odd", "expression": "variables.replicas % 2 == 1"},
                {"name": "bad", "expression": "object.none"}],
            "validations": [{"expression": expression}]});
        denial(spec, &deployment(3))
    };
    for expression in [
        "variables.odd",
        "variables.replicas == 3 || variables.bad",
        "namespaceObject.metadata.labels.tier == 'gold'",
        "request.userInfo.username == 'ann' && 'devs' in request.userInfo.groups",
        "request.operation == 'CREATE' && !request.dryRun && request.kind.kind == 'Deployment'",
        "authorizer.group('').resource('pods').namespace('shop').check('get').allowed()",
        "!authorizer.requestResource.check('create').allowed()",
        "object.spec.template.spec.containers.all(c, c.image.startsWith('reg/'))",
        "object.metadata.?annotations[?'a'].orValue('none') == 'none'",
        "!has(object.metadata.annotations) && has(object.metadata.labels.app)",
        "object.spec.template.spec.containers.map(c, c.name) == ['c']",
        "'a,b'.split(',').size() == 2 && quantity('1Gi').isGreaterThan(quantity('1Mi'))",
        "oldObject == null",
    ] {
        assert_eq!(holds(expression), None, "{expression}");
    }
    let text =
        "expression 'variables.bad == 1' resulted in error: composited variable \"bad\" fails to evaluate: no such key: none";
    assert_eq!(holds("variables.bad == 1"), refused(text, "Invalid"));
    let conditional = |condition: &str| {
        denial(
            json!({"matchConditions": [{"name": "c", "expression": condition}], "validations": [{"expression": "false"}]}),
            &deployment(1),
        )
    };
    assert_eq!(conditional("object.spec.replicas > 1"), None);
    assert!(conditional("object.spec.replicas == 1").is_some());
}

/// Each twice as long as the one before.
fn variables_of(last: usize) -> Vec<Value> {
    let mut variables = vec![json!({"name": "v0", "expression": "'0123456789'"})];
    for i in 1..=last {
        variables.push(json!({"name": format!("v{i}"), "expression": format!("variables.v{} + variables.v{}", i - 1, i - 1)}));
    }
    variables
}

#[test]
fn what_costs_too_much_ends() {
    let many = "[1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10]";
    let deep = format!("{many}.all(a, {many}.all(b, {many}.all(c, {many}.all(d, a + b + c + d > 0)))) || true");
    let text = "validation failed due to running out of cost budget, no further validation rules will be run";
    let costly = json!({"matchConditions": [{"name": "c", "expression": deep}], "validations": [{"expression": "true"}]});
    assert_eq!(denial(costly, &deployment(1)), refused(text, "Invalid"));
    let spec = json!({"variables": variables_of(59), "validations": [{"expression": "variables.v59 == ''"}]});
    assert_eq!(denial(spec, &deployment(1)), refused(text, "Invalid"));
    let long = vec!["1"; 5000].join("+");
    let found = Policy::compile(Flavour::Validating, &policy(json!({"validations": [{"expression": format!("{long} > 0")}]})));
    assert!(found.faults()[0].detail.contains("deeper than 250 levels"), "{:?}", found.faults());
    let sum = vec!["1"; 200].join("+");
    assert_eq!(denial(json!({"validations": [{"expression": format!("{sum} == 200")}]}), &deployment(1)), None);
}

#[test]
fn matching() {
    let with = |constraints: Value| {
        denial(json!({"matchConstraints": constraints, "validations": [{"expression": "false"}]}), &deployment(1)).is_some()
    };
    let rule = |more: Value| {
        let mut rule = json!({"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"resourceRules": [rule]})
    };
    assert!(with(rule(json!({}))));
    assert!(with(rule(json!({"resources": ["*/*"]}))));
    assert!(!with(rule(json!({"resources": ["deployments/scale"]}))));
    assert!(!with(rule(json!({"operations": ["DELETE"]}))));
    assert!(with(rule(json!({"resourceNames": ["web"]}))));
    assert!(!with(rule(json!({"resourceNames": ["api"]}))));
    assert!(with(rule(json!({"scope": "Namespaced"}))));
    assert!(!with(rule(json!({"scope": "Cluster"}))));
    let select = |more: Value| {
        let mut constraints = rule(json!({}));
        constraints.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with(constraints)
    };
    assert!(select(json!({"namespaceSelector": {"matchLabels": {"tier": "gold"}}})));
    assert!(!select(json!({"namespaceSelector": {"matchLabels": {"tier": "tin"}}})));
    assert!(select(json!({"objectSelector": {"matchLabels": {"app": "web"}}})));
    assert!(!select(json!({"objectSelector": {"matchLabels": {"app": "api"}}})));
    assert!(!select(json!({"excludeResourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"],
        "resources": ["deployments"]}]})));
    // Another version of the same resource is the same resource, unless the policy is exact.
    let beta = rule(json!({"apiGroups": ["apps"], "apiVersions": ["v1beta9"], "resources": ["deployments"]}));
    assert!(with(beta.clone()));
    let mut exact = beta;
    exact["matchPolicy"] = "Exact".into();
    assert!(!with(exact));
}

#[test]
fn parameters() {
    let spec = json!({"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "validations": [{"expression": "object.spec.replicas <= int(params.data.max)"}]});
    let run = |reference: Value, params: Vec<Value>| {
        let binding = json!({"policyName": "p", "validationActions": ["Deny"], "paramRef": reference});
        let hook = hook(Flavour::Validating, spec.clone(), binding);
        verdict(&hook, &deployment(4), &Cluster { params }).denied.map(|denial| denial.message)
    };
    let map = |name: &str, max: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "labels": {"l": "1"}},
            "data": {"max": max}})
    };
    let named = json!({"name": "m", "parameterNotFoundAction": "Deny"});
    assert_eq!(run(named.clone(), vec![map("m", "5")]), None);
    assert!(run(named.clone(), vec![map("m", "3")]).unwrap().contains("failed expression: "));
    let missing = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction";
    assert_eq!(run(named, Vec::new()).as_deref(), Some(missing));
    assert_eq!(run(json!({"name": "m", "parameterNotFoundAction": "Allow"}), Vec::new()), None);
    let selected = json!({"selector": {"matchLabels": {"l": "1"}}, "parameterNotFoundAction": "Deny"});
    assert_eq!(run(selected.clone(), vec![map("a", "5"), map("b", "9")]), None);
    assert!(run(selected, vec![map("a", "5"), map("b", "3")]).is_some());
}

#[test]
fn warnings_and_audit() {
    let spec = json!({"validations": [{"expression": "false", "message": "no"}],
        "auditAnnotations": [{"key": "replicas", "valueExpression": "'n=' + string(object.spec.replicas)"}]});
    let hook = hook(Flavour::Validating, spec, json!({"policyName": "p", "validationActions": ["Warn", "Audit"]}));
    let verdict = verdict(&hook, &deployment(2), &Cluster { params: Vec::new() });
    assert_eq!(verdict.denied, None);
    assert_eq!(verdict.warnings, ["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no"]);
    assert_eq!(verdict.audit[0].0, "validation.policy.admission.k8s.io/validation_failure");
    assert_eq!(verdict.audit[1], ("p/replicas".to_owned(), "n=2".to_owned()));
}

fn round(mutation: Value, object: &mut Value) -> Round {
    let spec = json!({"reinvocationPolicy": "IfNeeded", "mutations": [mutation]});
    let hook = hook(Flavour::Mutating, spec, json!({"policyName": "p"}));
    let cluster = Cluster { params: Vec::new() };
    asked(&cluster, |request, cluster| mutate(&[hook], request, object, None, cluster, cluster, None))
}

fn applied(expression: &str, object: &mut Value) -> Round {
    round(json!({"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}), object)
}

fn operated(expression: &str, object: &mut Value) -> Round {
    round(json!({"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}), object)
}

#[test]
fn configurations_merge() {
    let mut object = deployment(1);
    let done = applied("Object{spec: Object.spec{replicas: object.spec.replicas + 6}}", &mut object);
    assert_eq!(done.failures, []);
    assert!(done.patched);
    assert_eq!(done.again.len(), 1);
    assert_eq!(object["spec"]["replicas"], 7);
    assert_eq!(object["spec"]["template"], deployment(1)["spec"]["template"]);
    let done = applied(
        "Object{metadata: Object.metadata{annotations: {'by': request.userInfo.username}, ?labels: optional.none()}, \
         spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: \
         [Object.spec.template.spec.containers{name: 'side', image: 'reg/s:1'}]}}}}",
        &mut object,
    );
    assert_eq!(done.failures, []);
    assert_eq!(object["metadata"]["annotations"], json!({"by": "ann"}));
    assert_eq!(object["metadata"]["labels"], json!({"app": "web"}));
    assert_eq!(object["spec"]["template"]["spec"]["containers"][1], json!({"name": "side", "image": "reg/s:1"}));
    let done = applied("Object{spec: Object.wrong{replicas: 1}}", &mut object);
    let text = "policy 'p' with binding 'b' denied request: type mismatch: unexpected type name \"Object.wrong\", expected \"Object.spec\", which matches field name path from root Object type";
    assert_eq!(done.failures[0].message, text);
    let done = applied("Object{spec: Object.spec{frobs: 1}}", &mut object);
    assert!(done.failures[0].message.contains(".spec.frobs: field not declared in schema"), "{done:?}");
}

#[test]
fn json_patches() {
    let mut object = deployment(1);
    let done = operated(
        "[JSONPatch{op: 'test', path: '/spec/replicas', value: 1}, JSONPatch{op: 'replace', path: '/spec/replicas', value: 4}, \
         JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'c'}, \
         JSONPatch{op: 'add', path: '/spec/strategy', value: Object.spec.strategy{type: 'Recreate'}}]",
        &mut object,
    );
    assert_eq!(done.failures, []);
    assert_eq!(object["spec"]["replicas"], 4);
    assert_eq!(object["metadata"]["labels"]["a/b"], "c");
    assert_eq!(object["spec"]["strategy"], json!({"type": "Recreate"}));
    let before = object.clone();
    let done = operated(
        "[JSONPatch{op: 'test', path: '/spec/replicas', value: 9}, JSONPatch{op: 'remove', path: '/spec'}]",
        &mut object,
    );
    assert_eq!(done.failures, []);
    assert_eq!(object, before);
    let done = operated("[JSONPatch{op: 'remove', path: '/none/x'}]", &mut object);
    assert_eq!(
        done.failures[0].message,
        "policy 'p' with binding 'b' denied request: JSON Patch: operation does not apply: doc is missing path"
    );
}

#[test]
fn what_does_not_compile_is_named() {
    let faults = |flavour, spec: Value| -> Vec<String> {
        Policy::compile(flavour, &policy(spec)).faults().iter().map(ToString::to_string).collect()
    };
    let found = faults(Flavour::Validating, json!({"validations": [{"expression": "object.x > 1 &&"}]}));
    assert!(
        found[0].starts_with(
            "spec.validations[0].expression: Invalid value: \"object.x > 1 &&\": compilation failed: ERROR: <input>:1:"
        ),
        "{found:?}"
    );
    let found = faults(
        Flavour::Validating,
        json!({"variables": [{"name": "a", "expression": "nobody"}], "matchConditions": [{"name": "c", "expression": "variables.a"}],
            "validations": [{"expression": "object.spec.replicas", "messageExpression": "authorizer.path('/x')"}, {"expression": "params.a == 1"}],
            "auditAnnotations": [{"key": "k", "valueExpression": "1"}]}),
    );
    let ends = [
        ("spec.matchConditions[0].expression", "undeclared reference to 'variables' (in container '')\n | variables.a\n | ^"),
        ("spec.variables[0].expression", "undeclared reference to 'nobody' (in container '')\n | nobody\n | ^"),
        ("spec.validations[0].expression", "must evaluate to bool but got dyn"),
        (
            "spec.validations[0].messageExpression",
            "undeclared reference to 'authorizer' (in container '')\n | authorizer.path('/x')\n | ^",
        ),
        ("spec.validations[1].expression", "undeclared reference to 'params' (in container '')\n | params.a == 1\n | ^"),
        ("spec.auditAnnotations[0].valueExpression", "must evaluate to one of [string null_type] but got int"),
    ];
    assert_eq!(found.len(), ends.len(), "{found:#?}");
    for ((place, end), text) in ends.iter().zip(&found) {
        assert!(text.starts_with(place) && text.ends_with(end), "{text}");
    }
    let found = faults(
        Flavour::Mutating,
        json!({"mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "Object{}"}},
            {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Thing{a: 1}"}}]}),
    );
    assert!(found[0].ends_with("must evaluate to list(JSONPatch) but got Object"), "{found:?}");
    assert!(found[1].contains("undeclared reference to 'Thing'"), "{found:?}");
}

#[test]
fn typing_warns() {
    let facts = facts::built_in();
    let root = facts.kind(&Gvk::new("apps", "v1", "Deployment")).unwrap();
    let kind = Kind {
        gvk: ("apps".into(), "v1".into(), "Deployment".into()),
        root: type_of(&Arena::BuiltIn(&facts.schema), root, "Deployment"),
    };
    let good = policy(json!({"validations": [{"expression": "object.spec.replicas > 1 && object.metadata.namespace != ''"}]}));
    assert_eq!(status(&good, std::slice::from_ref(&kind), None), json!({"observedGeneration": 1, "typeChecking": {}}));
    let confused = policy(json!({"validations": [{"expression": "object.spec.replicas > '1'",
        "messageExpression": "'wants replicas > 1, got ' + object.spec.replicas"}, {"expression": "object.spec.maxRetries < 10"}]}));
    let found = status(&confused, &[kind], None);
    let warnings = found["typeChecking"]["expressionWarnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 3);
    assert_eq!(warnings[0]["fieldRef"], "spec.validations[0].expression");
    assert_eq!(
        warnings[0]["warning"],
        "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n | object.spec.replicas > '1'\n | .....................^\n"
    );
    assert!(warnings[1]["warning"].as_str().unwrap().contains("'_+_' applied to '(string, int)'"));
    assert!(warnings[2]["warning"].as_str().unwrap().contains("undefined field 'maxRetries'"));
}
