//! How a process ended, in upstream's words: a Status for protocols since v4, text before.
//!
//! Fed by both forms of a console. Pure.

use serde_json::{Value, json};
use skiff_engine::wire::StreamExit;

/// What was done; the words differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// `exec`.
    Exec,
    /// `attach`.
    Attach,
}

impl Deed {
    /// What the error channel carries; empty for nothing.
    pub(super) fn last_words(self, exit: &StreamExit, with_status: bool) -> Vec<u8> {
        let status = self.status(exit);
        if with_status {
            return status.to_string().into_bytes();
        }
        // Old protocols know errors only, as text.
        status.get("message").and_then(Value::as_str).unwrap_or_default().as_bytes().to_vec()
    }

    fn status(self, exit: &StreamExit) -> Value {
        match (self, exit) {
            // Attaching has succeeded, however the process ended.
            (_, StreamExit::Code(0)) | (Deed::Attach, StreamExit::Code(_)) => json!({"metadata": {}, "status": "Success"}),
            (Deed::Exec, StreamExit::Code(code)) => json!({
                "metadata": {},
                "status": "Failure",
                "message": format!("command terminated with non-zero exit code: command terminated with exit code {code}"),
                "reason": "NonZeroExitCode",
                "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
            }),
            (_, StreamExit::Failed(text)) => {
                let cause = self.cause(text);
                json!({
                    "metadata": {},
                    "status": "Failure",
                    "message": format!("Internal error occurred: {cause}"),
                    "reason": "InternalError",
                    "details": {"causes": [{"message": cause}]},
                    "code": 500,
                })
            }
        }
    }

    fn cause(self, text: &str) -> String {
        // What upstream's kubelet would refuse before the upgrade, or its caller not reach, is told in their words.
        if text.starts_with("container not found") || text.starts_with("pod does not exist") {
            return format!("unable to upgrade connection: {text}");
        }
        if text.starts_with("error dialing backend") {
            return text.to_owned();
        }
        match self {
            Deed::Exec => format!("error executing command in container: {text}"),
            Deed::Attach => format!("error attaching to container: {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(deed: Deed, exit: StreamExit, with_status: bool) -> String {
        String::from_utf8(deed.last_words(&exit, with_status)).unwrap()
    }

    #[test]
    fn success() {
        assert_eq!(said(Deed::Exec, StreamExit::Code(0), true), r#"{"metadata":{},"status":"Success"}"#);
        assert_eq!(said(Deed::Attach, StreamExit::Code(7), true), r#"{"metadata":{},"status":"Success"}"#);
        assert_eq!(said(Deed::Exec, StreamExit::Code(0), false), "");
    }

    #[test]
    fn exit_code() {
        let message = "command terminated with non-zero exit code: command terminated with exit code 2";
        assert_eq!(
            said(Deed::Exec, StreamExit::Code(2), true),
            format!(
                r#"{{"metadata":{{}},"status":"Failure","message":"{message}","reason":"NonZeroExitCode","details":{{"causes":[{{"reason":"ExitCode","message":"2"}}]}}}}"#
            )
        );
        assert_eq!(said(Deed::Exec, StreamExit::Code(2), false), message);
    }

    #[test]
    fn failure() {
        let text = said(Deed::Exec, StreamExit::Failed("container not found (\"c\")".into()), false);
        assert_eq!(text, "Internal error occurred: unable to upgrade connection: container not found (\"c\")");
        let text = said(Deed::Attach, StreamExit::Failed("x".into()), false);
        assert_eq!(text, "Internal error occurred: error attaching to container: x");
    }
}
