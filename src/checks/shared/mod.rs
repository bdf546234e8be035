//! Conclusions that several checks share: functions over facts, never one check's outcome.

pub mod conditions;
pub(crate) mod history;
pub mod needs;
pub(crate) mod phrases;
pub mod policies;
pub(crate) mod rewind;
pub mod simulated;
pub mod standing;
pub(crate) mod state;
pub(crate) mod trust;
pub mod words;

use crate::catalog::ParameterKind;
use crate::checks::View;
use crate::facts::FactId;
use crate::model::Outcome;

/// The bucket of the target's first connector that has one.
pub fn bucket_name<'a>(view: &View<'a>) -> Option<&'a str> {
    view.parameters(ParameterKind::Bucket).next()
}

/// What a check says that has nothing to judge because there is no such role.
pub fn absent_role(view: &View<'_>) -> Option<Outcome> {
    let name = &view.target().role.name;
    matches!(view.role(), Ok(None))
        .then(|| Outcome::Skip(format!("there is no role {name} (reported as ASSUME-001)")))
}

/// What a check says that has nothing to judge because there is no such bucket.
pub fn absent_bucket(view: &View<'_>, bucket: &str) -> Option<Outcome> {
    matches!(view.bucket(bucket, FactId::Bucket, |it| &it.head), Ok(None))
        .then(|| Outcome::Skip(format!("there is no bucket {bucket} (reported as WRITE-001)")))
}

/// What a check of the bucket says when no connector has one.
pub fn without_bucket() -> Outcome {
    Outcome::Skip("none of the connectors writes to a bucket".to_owned())
}
