//! Searches beyond event history: a trail's log files, CloudTrail Lake, Athena.
//!
//! Events go to the caller as they come, copies included; what was covered is told at the end.

use aws_sdk_sts::error::SdkError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::runtime::Handle;

use super::{athena, lake, trail_bucket};
use crate::collect::client::Aws;
use crate::collect::operations::{DECODE_AUTHORIZATION_MESSAGE, Operation};
use crate::collect::pages::ENDLESS;
use crate::collect::session::Session;
use crate::denials::{Scope, TableName};
use crate::facts::Fact;
use crate::model::Blocked;
use crate::trail::{Coverage, Event, Problem, ProblemKind};

/// Where to search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Archive {
    /// The log files of a trail.
    TrailBucket {
        /// The bucket.
        bucket: String,
        /// The key prefix before `AWSLogs`.
        prefix: Option<String>,
    },
    /// CloudTrail Lake.
    Lake {
        /// The event data store's id or ARN; without one, the only store there is.
        store: Option<String>,
    },
    /// Athena.
    Athena {
        /// The table.
        table: TableName,
        /// The workgroup.
        workgroup: String,
    },
}

/// What a search of an archive covered.
#[derive(Clone, Debug, Default)]
pub struct Searched {
    /// Files, records, regions, accounts, problems.
    pub looked: Coverage,
    /// What was searched, by name.
    pub place: String,
    /// Bytes that are billed.
    pub billed_bytes: Option<u64>,
}

/// Searches an archive for what `scope` wants. Whatever fails is a problem in the coverage.
///
/// Blocks; the calls run on `runtime`, the scanning of files on threads of its own.
pub fn search(
    runtime: &Handle,
    session: &Session<'_>,
    archive: &Archive,
    scope: &Scope,
    sink: &mut (dyn FnMut(Event) + Send),
) -> Searched {
    let aws = &session.aws;
    let mut searched = match archive {
        Archive::TrailBucket { bucket, prefix } => {
            trail_bucket::search(runtime, aws, bucket, prefix.as_deref(), scope, session.settings.now, sink)
        }
        Archive::Lake { store } => runtime.block_on(lake::search(aws, store.as_deref(), scope, sink)),
        Archive::Athena { table, workgroup } => {
            runtime.block_on(athena::search(aws, table, workgroup, scope, session.settings.now, sink))
        }
    };
    searched.looked.interrupted |= aws.is_stopped();
    searched.looked = searched.looked.finish();
    searched
}

/// Whether a trail's log files can be listed; if not, why.
pub async fn can_list(session: &Session<'_>, bucket: &str, prefix: Option<&str>) -> Result<(), Blocked> {
    trail_bucket::can_list(&session.aws, bucket, prefix).await
}

/// Opens an encoded message.
pub async fn decode(session: &Session<'_>, message: &str) -> Result<serde_json::Value, Blocked> {
    let aws = &session.aws;
    let call = aws.sts().decode_authorization_message().encoded_message(message).send();
    let answer = asked(aws, &DECODE_AUTHORIZATION_MESSAGE, call).await?;
    let text = answer.decoded_message().unwrap_or_default();
    Ok(serde_json::from_str(text).unwrap_or_else(|_| text.into()))
}

/// Makes a call and gives its answer, or why there is none.
pub(super) async fn asked<T, E>(
    aws: &Aws<'_>,
    operation: &Operation,
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
) -> Result<T, Blocked>
where
    T: Send,
    E: std::error::Error + ProvideErrorMetadata + Send + 'static,
{
    let what = format!("{} {}", operation.service, operation.name);
    match aws.ask(operation, call).await {
        Fact::Known(answer) => Ok(answer),
        Fact::Absent => Err(Blocked::new(what, "AWS says that there is none")),
        unread => Err(unread.read(&what).err().unwrap_or(Blocked::new(what, "it was not read"))),
    }
}

/// That a list names a page again.
pub(super) fn endless(operation: &Operation) -> Blocked {
    let what = format!("{} {}", operation.service, operation.name);
    Blocked::new(what, ENDLESS)
}

/// What could not be read, as a problem of the coverage.
pub(super) fn problem(what: &str, blocked: &Blocked) -> Problem {
    let grant = blocked.grant.as_ref().map(|grant| format!(" (grant {grant})")).unwrap_or_default();
    Problem {
        file: what.to_owned(),
        kind: ProblemKind::Unreadable { detail: format!("{}: {}{grant}", blocked.what, blocked.why) },
        records_kept: 0,
    }
}
