//! `authorizer` in expressions: may the sender of the request do this or that?
//!
//! Fed with a user and a way to ask ([`Decide`]); knows neither roles nor requests. Each step of a question
//! (`authorizer.group('apps').resource('deployments').check('create')`) is a value of its own.

use kube_cel::cel::extractors::This;
use kube_cel::cel::objects::Opaque;
use kube_cel::cel::{Context, ExecutionError, ResolveResult, Value as Cel};
use std::sync::Arc;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Another user than the sender of the request: namespace and name of a ServiceAccount.
    pub account: Option<(String, String)>,
    /// API verb, or the method for a path.
    pub verb: String,
    /// A path outside of the resource tree; all below is empty then.
    pub path: Option<String>,
    /// API group.
    pub group: String,
    /// Plural.
    pub resource: String,
    /// Subresource.
    pub subresource: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Who answers: whether it is allowed, and why.
pub trait Decide: Send + Sync {
    /// Answers.
    fn decide(&self, wish: &Wish) -> (bool, String);
}

/// A step of a question.
#[derive(Clone)]
pub struct Authorizer {
    step: Step,
    wish: Wish,
    judge: Arc<dyn Decide>,
    answer: (bool, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Start,
    Path,
    Group,
    Resource,
    Decision,
}

impl Authorizer {
    /// `authorizer`.
    #[must_use]
    pub fn start(judge: Arc<dyn Decide>) -> Cel {
        Authorizer { step: Step::Start, wish: Wish::default(), judge, answer: (false, String::new()) }.value()
    }

    /// `authorizer.requestResource`.
    #[must_use]
    pub fn of_request(judge: Arc<dyn Decide>, wish: Wish) -> Cel {
        Authorizer { step: Step::Resource, wish, judge, answer: (false, String::new()) }.value()
    }

    fn value(self) -> Cel {
        Cel::Opaque(Arc::new(self))
    }

    fn next(&self, step: Step, change: impl FnOnce(&mut Wish)) -> ResolveResult {
        let mut next = Authorizer { step, ..self.clone() };
        change(&mut next.wish);
        Ok(next.value())
    }
}

impl std::fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authorizer").field("step", &self.step).field("wish", &self.wish).finish_non_exhaustive()
    }
}

impl PartialEq for Authorizer {
    fn eq(&self, other: &Self) -> bool {
        self.step == other.step && self.wish == other.wish
    }
}

impl Eq for Authorizer {}

impl Opaque for Authorizer {
    fn runtime_type_name(&self) -> &str {
        match self.step {
            Step::Start => "kubernetes.authorization.Authorizer",
            Step::Path => "kubernetes.authorization.PathCheck",
            Step::Group => "kubernetes.authorization.GroupCheck",
            Step::Resource => "kubernetes.authorization.ResourceCheck",
            Step::Decision => "kubernetes.authorization.Decision",
        }
    }
}

/// The value as a step of one of the kinds given.
fn at<'v>(value: &'v Cel, steps: &[Step]) -> Result<&'v Authorizer, ExecutionError> {
    let Cel::Opaque(opaque) = value else { return Err(ExecutionError::NoSuchOverload) };
    let step = opaque.downcast_ref::<Authorizer>().filter(|step| steps.contains(&step.step));
    step.ok_or(ExecutionError::NoSuchOverload)
}

fn not_empty(name: &str, value: &str) -> Result<(), ExecutionError> {
    if value.trim().is_empty() {
        return Err(ExecutionError::function_error(name, format!("{name} must not be empty")));
    }
    Ok(())
}

type Text = Arc<String>;

/// Adds the functions; those of other values that are called the same do not exist.
pub(super) fn register(context: &mut Context<'static>) {
    context.add_function("path", |This(this): This<Cel>, path: Text| -> ResolveResult {
        let this = at(&this, &[Step::Start])?;
        not_empty("path", &path)?;
        this.next(Step::Path, |wish| wish.path = Some((*path).clone()))
    });
    context.add_function("group", |This(this): This<Cel>, group: Text| -> ResolveResult {
        at(&this, &[Step::Start])?.next(Step::Group, |wish| wish.group = (*group).clone())
    });
    context.add_function("serviceAccount", |This(this): This<Cel>, namespace: Text, name: Text| -> ResolveResult {
        let this = at(&this, &[Step::Start])?;
        not_empty("namespace", &namespace)?;
        not_empty("name", &name)?;
        this.next(Step::Start, |wish| wish.account = Some(((*namespace).clone(), (*name).clone())))
    });
    context.add_function("resource", |This(this): This<Cel>, resource: Text| -> ResolveResult {
        let this = at(&this, &[Step::Group])?;
        not_empty("resource", &resource)?;
        this.next(Step::Resource, |wish| wish.resource = (*resource).clone())
    });
    context.add_function("subresource", |This(this): This<Cel>, subresource: Text| -> ResolveResult {
        at(&this, &[Step::Resource])?.next(Step::Resource, |wish| wish.subresource = (*subresource).clone())
    });
    context.add_function("namespace", |This(this): This<Cel>, namespace: Text| -> ResolveResult {
        at(&this, &[Step::Resource])?.next(Step::Resource, |wish| wish.namespace = (*namespace).clone())
    });
    context.add_function("name", |This(this): This<Cel>, name: Text| -> ResolveResult {
        at(&this, &[Step::Resource])?.next(Step::Resource, |wish| wish.name = (*name).clone())
    });
    // RBAC does not look at selectors.
    for selector in ["fieldSelector", "labelSelector"] {
        context.add_function(selector, |This(this): This<Cel>, _selector: Text| -> ResolveResult {
            at(&this, &[Step::Resource])?.next(Step::Resource, |_| {})
        });
    }
    context.add_function("check", |This(this): This<Cel>, verb: Text| -> ResolveResult {
        let this = at(&this, &[Step::Resource, Step::Path])?;
        let wish = Wish { verb: (*verb).clone(), ..this.wish.clone() };
        let answer = this.judge.decide(&wish);
        Ok(Authorizer { step: Step::Decision, wish, judge: this.judge.clone(), answer }.value())
    });
    context.add_function("allowed", |This(this): This<Cel>| -> ResolveResult {
        Ok(Cel::Bool(at(&this, &[Step::Decision])?.answer.0))
    });
    context.add_function("reason", |This(this): This<Cel>| -> ResolveResult {
        Ok(Cel::String(Arc::new(at(&this, &[Step::Decision])?.answer.1.clone())))
    });
    // RBAC has an answer to everything.
    context.add_function("errored", |This(this): This<Cel>| -> ResolveResult {
        at(&this, &[Step::Decision]).map(|_| Cel::Bool(false))
    });
    context.add_function("error", |This(this): This<Cel>| -> ResolveResult {
        at(&this, &[Step::Decision]).map(|_| Cel::String(Arc::new(String::new())))
    });
}
