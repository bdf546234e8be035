//! What stands between a client and AWS: a call that does more than read is not made, and an answer that did not come
//! whole is not taken.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::operations::is_listed;
use super::whole::is_whole;

/// Refuses every operation that is not in the list of operations, which only read, and every answer that did not come
/// whole.
#[derive(Debug)]
pub(super) struct Guard;

#[dyn_dispatch_hint]
impl Intercept for Guard {
    fn name(&self) -> &'static str {
        "Guard"
    }

    // Not before execution: a client's interceptors run there before the operation's name is known.
    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match config.load::<Metadata>() {
            Some(operation) if is_listed(operation.service(), operation.name()) => Ok(()),
            Some(operation) => Err(format!(
                "{} {} is not among the operations that the doctor may call: this is a bug of the doctor",
                operation.service(),
                operation.name()
            )
            .into()),
            None => Err("a call without a name was stopped: this is a bug of the doctor".into()),
        }
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        // What is read as a stream, such as an object, tells its length.
        let Some(body) = response.body().bytes().filter(|_| response.status().is_success()) else {
            return Ok(());
        };
        let operation = config.load::<Metadata>().map(Metadata::name).unwrap_or_default();
        if is_whole(operation, body) { Ok(()) } else { Err("the answer did not come whole".into()) }
    }
}
