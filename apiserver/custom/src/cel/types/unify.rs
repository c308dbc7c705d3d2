//! Whether values of one type may stand where another is wanted, and what that says of the letters in a signature.

use super::Type;

/// What the letters of a signature stand for.
#[derive(Default)]
pub(super) struct Letters(Vec<(char, Type)>);

impl Letters {
    /// Whether an argument fits what a signature wants.
    pub(super) fn fit(&mut self, wanted: &Type, given: &Type) -> bool {
        match (wanted, given) {
            (Type::Param(letter), _) => self.bind(*letter, given),
            (Type::List(a), Type::List(b)) | (Type::Optional(a), Type::Optional(b)) | (Type::Type(a), Type::Type(b)) => {
                self.fit(a, b)
            }
            (Type::Map(k, v), Type::Map(gk, gv)) => self.fit(k, gk) && self.fit(v, gv),
            (_, Type::Dyn | Type::Free) => {
                self.loosen(wanted);
                true
            }
            _ => assignable(wanted, given),
        }
    }

    fn bind(&mut self, letter: char, given: &Type) -> bool {
        let Some((_, bound)) = self.0.iter_mut().find(|(l, _)| *l == letter) else {
            self.0.push((letter, given.clone()));
            return true;
        };
        if assignable(bound, given) {
            // What is known of less gives way, except that knowing anything is better than knowing nothing yet.
            if matches!(given, Type::Dyn) || has_free(bound) {
                *bound = given.clone();
            }
            return true;
        }
        if assignable(given, bound) {
            *bound = given.clone();
            return true;
        }
        false
    }

    /// Everything that a dynamic argument says nothing about is dynamic.
    fn loosen(&mut self, wanted: &Type) {
        match wanted {
            Type::Param(letter) => _ = self.bind(*letter, &Type::Dyn),
            Type::List(a) | Type::Optional(a) | Type::Type(a) => self.loosen(a),
            Type::Map(k, v) => {
                self.loosen(k);
                self.loosen(v);
            }
            _ => {}
        }
    }

    /// A signature's result with the letters read.
    pub(super) fn read(&self, result: &Type) -> Type {
        match result {
            Type::Param(letter) => self.0.iter().find(|(l, _)| l == letter).map_or(Type::Dyn, |(_, bound)| bound.clone()),
            Type::List(a) => Type::list(self.read(a)),
            Type::Optional(a) => Type::optional(self.read(a)),
            Type::Type(a) => Type::Type(self.read(a).into()),
            Type::Map(k, v) => Type::Map(self.read(k).into(), self.read(v).into()),
            other => other.clone(),
        }
    }
}

fn has_free(given: &Type) -> bool {
    match given {
        Type::Free => true,
        Type::List(a) | Type::Optional(a) | Type::Type(a) => has_free(a),
        Type::Map(k, v) => has_free(k) || has_free(v),
        _ => false,
    }
}

/// Whether values of `given` may stand where `wanted` is wanted.
pub(super) fn assignable(wanted: &Type, given: &Type) -> bool {
    match (wanted, given) {
        (Type::Dyn | Type::Free, _) | (_, Type::Dyn | Type::Free) => true,
        (Type::List(a), Type::List(b)) | (Type::Optional(a), Type::Optional(b)) => assignable(a, b),
        (Type::Map(k, v), Type::Map(gk, gv)) => assignable(k, gk) && assignable(v, gv),
        (Type::Type(_), Type::Type(_)) => true,
        (Type::Object(_) | Type::Opaque(_) | Type::Timestamp | Type::Duration, Type::Null)
        | (Type::Null, Type::Object(_) | Type::Opaque(_) | Type::Timestamp | Type::Duration) => true,
        _ => wanted.is_exactly(given),
    }
}
