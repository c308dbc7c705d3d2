//! Bearer tokens fixed at start-up, and whom each stands for.
//!
//! Fed with the server's flags. Must not know how a token reached the server.

use crate::user::User;
use sha2::{Digest as _, Sha256};

/// A fixed set of tokens.
#[derive(Clone, Default)]
pub struct StaticTokens {
    /// Digests, so that a comparison's time tells nothing of a token, whatever its length, and memory holds none.
    entries: Vec<([u8; 32], User)>,
}

impl StaticTokens {
    /// Takes the tokens; every user is put in `system:authenticated`. Empty tokens stand for nobody.
    #[must_use]
    pub fn new(tokens: Vec<(String, User)>) -> StaticTokens {
        let entry = |(token, user): (String, User)| (digest(&token), user.with_authenticated_group());
        StaticTokens { entries: tokens.into_iter().filter(|(token, _)| !token.is_empty()).map(entry).collect() }
    }

    /// Whom a bearer token stands for. Takes the same time whichever token matches, if any.
    #[must_use]
    pub fn find(&self, bearer: &str) -> Option<&User> {
        let asked = digest(bearer);
        let mut found = None;
        for (held, user) in &self.entries {
            let difference = held.iter().zip(&asked).fold(0, |sum, (a, b)| sum | (a ^ b));
            if std::hint::black_box(difference) == 0 {
                found = Some(user);
            }
        }
        found
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_tokens_are_found() {
        let tokens = StaticTokens::new(vec![("secret".into(), User::admin()), (String::new(), User::default())]);
        assert_eq!(tokens.find("secret"), Some(&User::admin()));
        for wrong in ["", "secre", "secret ", "wrong"] {
            assert_eq!(tokens.find(wrong), None);
        }
    }
}
