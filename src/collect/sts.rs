//! Who reads: the first call, which tells whether anybody answers and the credentials work.

use super::client::Aws;
use super::error::Problem;
use super::operations::GET_CALLER_IDENTITY;
use super::start::StartError;
use crate::facts::Caller;

/// The caller. No permission is needed for it, so any failure stops the run.
pub(super) async fn caller(aws: &Aws<'_>) -> Result<Caller, StartError> {
    let endpoint = aws
        .endpoint()
        .map_or_else(|| format!("AWS STS in {}", aws.region()), |url| format!("the endpoint {url}"));
    let answer = aws.ask_in_full(&GET_CALLER_IDENTITY, aws.sts().get_caller_identity().send()).await;
    let answer = answer.map_err(|error| match error {
        Some(error) => StartError::of_first_call(Problem::of(&error), endpoint.clone(), aws.patience()),
        None => StartError::Interrupted,
    })?;
    let arn = answer.arn().and_then(|arn| arn.parse().ok());
    let account = answer.account().and_then(|account| account.parse().ok());
    let (Some(arn), Some(account)) = (arn, account) else {
        return Err(StartError::NoIdentity { endpoint, why: "the answer names no caller".to_owned() });
    };
    Ok(Caller { arn, account })
}
