//! A job as clients see it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Accepted, waiting for a worker.
    Queued,
    /// Being read.
    Running,
    /// Read; the results are there.
    Done,
    /// Could not be read; `error` says why.
    Failed,
    /// Stopped by its owner.
    Cancelled,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Lower-case name, as stored and sent.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// True if nothing more happens to a job in this state.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// What was expected and found.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// One series of a job's results: a folder and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// Name of the folder.
    pub name: String,
    /// Files in it, as `files/{path}` takes them.
    pub files: Vec<String>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// 32 hexadecimal digits.
    pub id: String,
    /// What its owner calls it; the file's name unless told otherwise.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// Share that is done, from 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub progress: f64,
    /// What is being done, in words.
    pub stage: String,
    /// When it was accepted, RFC 3339.
    pub created: String,
    /// When reading began, RFC 3339; null while it waits.
    pub started: Option<String>,
    /// When it reached its final state, RFC 3339; null before.
    pub finished: Option<String>,
    /// Why it failed; null otherwise.
    pub error: Option<Problem>,
    /// Results, one a series; empty until it is done.
    pub series: Vec<Series>,
}

/// True for the identifiers that this server gives out.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_states_agree() {
        for state in State::ALL {
            assert_eq!(State::from_name(state.name()), Some(state));
            let json = serde_json::to_value(state).unwrap();
            assert_eq!(json, state.name());
        }
        assert_eq!(State::from_name("lost"), None);
    }

    #[test]
    fn only_our_identifiers() {
        assert!(is_id("0123456789abcdef0123456789abcdef"));
        for bad in [
            "",
            "..",
            "0123456789ABCDEF0123456789abcdef",
            "0123456789abcdef0123456789abcde/",
        ] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
