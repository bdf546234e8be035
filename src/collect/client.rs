//! Clients of AWS's services: credentials, regions, endpoints, time-outs, retries, certificates and
//! proxies, and the one way by which every call is made.

use std::fmt;
use std::future::Future;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder as HttpBuilder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::error::{Problem, failed};
use super::guard::Guard;
use super::operations::Operation;
use super::profile::Source;
use super::progress::Progress;
use super::settings::{Patience, Settings};
use super::start::StartError;
use crate::facts::{Fact, FailureKind};
use crate::model::Partition;

/// Credentials are taken for over this long before they are, so that none end amid a call.
const MARGIN: Duration = Duration::from_mins(1);

/// What a call brings; `Err(None)`: the user interrupted.
type Answer<T, E> = Result<T, Option<Box<SdkError<E, HttpResponse>>>>;

/// Everything that calls need.
pub(super) struct Aws<'p> {
    config: SdkConfig,
    region_is_chosen: bool,
    patience: Patience,
    path_style: bool,
    progress: &'p dyn Progress,
    stop: watch::Receiver<bool>,
}

impl<'p> Aws<'p> {
    /// Finds credentials and a region. `partition` is the role's: the region of last resort is in it.
    pub(super) async fn connect(
        settings: &Settings,
        partition: &Partition,
        progress: &'p dyn Progress,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let http = http_client()?;
        let chosen = region(settings).await;
        let region_is_chosen = chosen.is_some();
        let region = chosen.unwrap_or_else(|| last_resort(partition));
        let chain = credentials_chain(settings, &region, http.clone()).await;
        let first = credentials(settings, &chain).await?;
        let patience = settings.patience;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region)
            .http_client(http)
            .credentials_provider(Kept { first: Mutex::new(first), source: chain })
            .retry_config(retries(patience, Duration::from_millis(300)))
            .timeout_config(time_outs(patience, patience.call));
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = &settings.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let config = loader.load().await;
        let s3_url = std::env::var("AWS_ENDPOINT_URL_S3").ok();
        let path_style =
            s3_url.as_deref().or(config.endpoint_url()).is_some_and(|url| !url.contains("amazonaws.com"));
        Ok(Self { config, region_is_chosen, patience, path_style, progress, stop })
    }

    /// The region that calls go to unless another is given.
    pub(super) fn region(&self) -> &str {
        self.config.region().map_or("us-east-1", Region::as_ref)
    }

    /// The same if somebody chose it: the command line, the environment or the profile.
    pub(super) fn chosen_region(&self) -> Option<&str> {
        Some(self.region()).filter(|_| self.region_is_chosen)
    }

    /// Who is told how reading goes on.
    pub(super) fn progress(&self) -> &'p dyn Progress {
        self.progress
    }

    /// Where calls go when an endpoint was set for every service.
    pub(super) fn endpoint(&self) -> Option<&str> {
        self.config.endpoint_url()
    }

    /// How long to wait.
    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    fn in_region(&self, region: Option<&str>) -> SdkConfig {
        match region {
            Some(region) => self.config.clone().into_builder().region(Region::new(region.to_owned())).build(),
            None => self.config.clone(),
        }
    }

    /// STS, less patient: whether anybody answers at all is told by its first call. Whoever takes the call
    /// has all the time there is for one answer; where nobody takes it, it is not made again.
    pub(super) fn sts(&self) -> aws_sdk_sts::Client {
        let first = self.patience.first;
        let config = aws_sdk_sts::config::Builder::from(&self.config)
            .retry_config(retries(self.patience, Duration::from_millis(100)))
            .retry_classifier(NobodyThere)
            .timeout_config(time_outs(Patience { attempt: first, ..self.patience }, first))
            .interceptor(Guard);
        aws_sdk_sts::Client::from_conf(config.build())
    }

    /// IAM, which has one endpoint for each partition.
    pub(super) fn iam(&self) -> aws_sdk_iam::Client {
        let config = aws_sdk_iam::config::Builder::from(&self.config).interceptor(Guard);
        aws_sdk_iam::Client::from_conf(config.build())
    }

    /// Organizations, which has one endpoint for each partition.
    pub(super) fn organizations(&self) -> aws_sdk_organizations::Client {
        let config = aws_sdk_organizations::config::Builder::from(&self.config).interceptor(Guard);
        aws_sdk_organizations::Client::from_conf(config.build())
    }

    /// S3 in a region.
    pub(super) fn s3(&self, region: Option<&str>) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.in_region(region))
            .force_path_style(self.path_style)
            .interceptor(Guard);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// KMS in a region.
    pub(super) fn kms(&self, region: &str) -> aws_sdk_kms::Client {
        let config = aws_sdk_kms::config::Builder::from(&self.in_region(Some(region))).interceptor(Guard);
        aws_sdk_kms::Client::from_conf(config.build())
    }

    /// Glue in a region.
    pub(super) fn glue(&self, region: &str) -> aws_sdk_glue::Client {
        let config = aws_sdk_glue::config::Builder::from(&self.in_region(Some(region))).interceptor(Guard);
        aws_sdk_glue::Client::from_conf(config.build())
    }

    /// Lake Formation in a region.
    pub(super) fn lake_formation(&self, region: &str) -> aws_sdk_lakeformation::Client {
        let config =
            aws_sdk_lakeformation::config::Builder::from(&self.in_region(Some(region))).interceptor(Guard);
        aws_sdk_lakeformation::Client::from_conf(config.build())
    }

    /// Redshift in a region.
    pub(super) fn redshift(&self, region: &str) -> aws_sdk_redshift::Client {
        let config =
            aws_sdk_redshift::config::Builder::from(&self.in_region(Some(region))).interceptor(Guard);
        aws_sdk_redshift::Client::from_conf(config.build())
    }

    /// Redshift Serverless in a region.
    pub(super) fn redshift_serverless(&self, region: &str) -> aws_sdk_redshiftserverless::Client {
        let config = aws_sdk_redshiftserverless::config::Builder::from(&self.in_region(Some(region)))
            .interceptor(Guard);
        aws_sdk_redshiftserverless::Client::from_conf(config.build())
    }

    /// CloudTrail in a region.
    pub(super) fn cloudtrail(&self, region: &str) -> aws_sdk_cloudtrail::Client {
        let config =
            aws_sdk_cloudtrail::config::Builder::from(&self.in_region(Some(region))).interceptor(Guard);
        aws_sdk_cloudtrail::Client::from_conf(config.build())
    }

    /// Athena in the region of last resort or the one set.
    pub(super) fn athena(&self) -> aws_sdk_athena::Client {
        let config = aws_sdk_athena::config::Builder::from(&self.config).interceptor(Guard);
        aws_sdk_athena::Client::from_conf(config.build())
    }

    /// Makes a call: the one way by which every call is made.
    ///
    /// Boxed, for the futures of the SDK are large and every reader holds several of them.
    pub(super) fn ask<'a, T, E>(
        &'a self,
        operation: &'a Operation,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send + 'a,
    ) -> BoxFuture<'a, Fact<T>>
    where
        T: Send + 'a,
        E: std::error::Error + ProvideErrorMetadata + Send + 'static,
    {
        let answer = self.ask_in_full(operation, call);
        Box::pin(async move {
            match answer.await {
                Ok(answer) => Fact::Known(answer),
                Err(Some(error)) => Problem::of(&error).fact(operation),
                Err(None) => interrupted(operation),
            }
        })
    }

    /// The same for those who look into the error; `Err(None)`: the user interrupted.
    pub(super) fn ask_in_full<'a, T, E>(
        &'a self,
        operation: &'a Operation,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send + 'a,
    ) -> BoxFuture<'a, Answer<T, E>>
    where
        T: Send + 'a,
        E: Send + 'static,
    {
        Box::pin(async move {
            self.progress.asking(operation.service, operation.name);
            let answer = tokio::select! {
                biased;
                () = self.stopped() => Err(None),
                answer = call => answer.map_err(|error| Some(Box::new(error))),
            };
            self.progress.answered(operation.service, operation.name);
            answer
        })
    }

    /// Returns when the user has interrupted; else never.
    pub(super) async fn stopped(&self) {
        let mut stop = self.stop.clone();
        if stop.wait_for(|stop| *stop).await.is_err() {
            // Nobody can interrupt any more.
            std::future::pending::<()>().await;
        }
    }

    /// Whether the user has interrupted.
    pub(super) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }
}

/// What a call brings that was not finished when the user interrupted.
pub(super) fn interrupted<T>(operation: &Operation) -> Fact<T> {
    failed(operation, FailureKind::TimedOut, "interrupted before it was read")
}

fn retries(patience: Patience, first_wait: Duration) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(patience.attempts.max(1))
        .with_initial_backoff(first_wait)
        .with_max_backoff(Duration::from_secs(4))
}

fn time_outs(patience: Patience, call: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(patience.connect.min(call))
        .operation_attempt_timeout(patience.attempt.min(call))
        .operation_timeout(call)
        .build()
}

/// HTTPS by rustls with the system's certificates (and those of `AWS_CA_BUNDLE`, which the SDK for Rust
/// leaves to us), through the proxies that the environment names.
fn http_client() -> Result<SharedHttpClient, StartError> {
    let mut trusted = TrustStore::default();
    if let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
        let certificates = std::fs::read(&path).map_err(|error| {
            StartError::Settings(format!(
                "AWS_CA_BUNDLE names {}, which cannot be read: {error}",
                path.to_string_lossy()
            ))
        })?;
        trusted = trusted.with_pem_certificate(certificates);
    }
    let context = TlsContext::builder()
        .with_trust_store(trusted)
        .build()
        .map_err(|error| StartError::Settings(format!("the trusted certificates cannot be used: {error}")))?;
    Ok(HttpBuilder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(aws_sdk_sts::config::RuntimeComponents::sleep_impl));
        connector.tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).tls_context(context.clone()).build()
    }))
}

/// The profile given, else the environment's.
fn profile(settings: &Settings) -> Option<String> {
    let named = || std::env::var("AWS_PROFILE").or_else(|_| std::env::var("AWS_DEFAULT_PROFILE")).ok();
    settings.profile.clone().or_else(|| named().filter(|name| !name.is_empty()))
}

/// The region given, else the environment's, else the profile's. The instance metadata service is not
/// asked: it costs seconds where there is none.
pub(super) async fn region(settings: &Settings) -> Option<Region> {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &settings.profile {
        profile = profile.profile_name(name);
    }
    let given = settings.region.clone().map(Region::new);
    let chain = RegionProviderChain::first_try(given)
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build());
    chain.region().await
}

/// The first region of a partition, where nobody chose one.
fn last_resort(partition: &Partition) -> Region {
    Region::from_static(match partition.as_str() {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    })
}

/// The sources of credentials in the order of AWS's tools: a profile given on the command line alone,
/// else the environment, the profile, web identity, containers, and the instance metadata service, which
/// gets one short try.
async fn credentials_chain(
    settings: &Settings,
    region: &Region,
    http: SharedHttpClient,
) -> SharedCredentialsProvider {
    let config = ProviderConfig::without_region().with_region(Some(region.clone())).with_http_client(http);
    let metadata = imds::Client::builder()
        .configure(&config)
        .max_attempts(1)
        .connect_timeout(Duration::from_millis(500))
        .read_timeout(Duration::from_secs(1))
        .build();
    match &settings.profile {
        Some(profile) => SharedCredentialsProvider::new(
            ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile).build(),
        ),
        None => SharedCredentialsProvider::new(
            DefaultCredentialsChain::builder()
                .configure(config)
                .region(region.clone())
                .imds_client(metadata)
                .build()
                .await,
        ),
    }
}

/// The credentials of a chain of sources, or why there are none.
async fn credentials(
    settings: &Settings,
    chain: &SharedCredentialsProvider,
) -> Result<Credentials, StartError> {
    let profile = profile(settings);
    let by_profile = settings.profile.is_some() || std::env::var_os("AWS_ACCESS_KEY_ID").is_none();
    let source = Source::of(profile.as_deref(), settings.now).await;
    if let Some(end) = source.signed_off.filter(|_| by_profile) {
        return Err(StartError::SignOn { profile, why: format!("its token was good until {end}") });
    }
    let failed = |why: &str| StartError::Credentials { profile: profile.clone(), why: why.to_owned() };
    tokio::time::timeout(Duration::from_secs(15), chain.provide_credentials())
        .await
        .map_err(|_| failed("their source did not answer within 15 seconds"))?
        .map_err(|error| {
            StartError::of_credentials(&error, profile.as_deref(), source.credential_source.as_deref())
        })
}

/// Makes no call again for which there was not even a connection in time.
#[derive(Debug)]
struct NobodyThere;

impl ClassifyRetry for NobodyThere {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err);
        match error.and_then(OrchestratorError::as_connector_error) {
            Some(error) if error.is_timeout() => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "NobodyThere"
    }
}

/// Credentials that are fetched once, and again only when they run out: a source may ask the user for a
/// code each time.
struct Kept {
    first: Mutex<Credentials>,
    source: SharedCredentialsProvider,
}

impl fmt::Debug for Kept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Kept")
    }
}

impl Kept {
    fn fresh(&self) -> Option<Credentials> {
        let kept = self.first.lock().ok()?;
        let ends = kept.expiry();
        ends.is_none_or(|ends| SystemTime::now() + MARGIN < ends).then(|| kept.clone())
    }

    async fn credentials(&self) -> provider::Result {
        if let Some(kept) = self.fresh() {
            return Ok(kept);
        }
        let fetched = self.source.provide_credentials().await?;
        if let Ok(mut kept) = self.first.lock() {
            *kept = fetched.clone();
        }
        Ok(fetched)
    }
}

impl ProvideCredentials for Kept {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url("http://127.0.0.1:9")
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "a", "b", None, None, "test",
            )))
            .http_client(http_client().unwrap())
            .retry_config(RetryConfig::disabled())
            .build()
    }

    #[tokio::test]
    async fn an_operation_that_is_not_listed_is_never_sent() {
        let iam = aws_sdk_iam::config::Builder::from(&config()).interceptor(Guard).build();
        let error =
            aws_sdk_iam::Client::from_conf(iam).delete_role().role_name("r").send().await.unwrap_err();
        assert!(super::super::error::everything(&error).contains("DeleteRole is not among"), "{error:?}");
        let s3 = aws_sdk_s3::config::Builder::from(&config()).interceptor(Guard).build();
        let error = aws_sdk_s3::Client::from_conf(s3).delete_bucket().bucket("b").send().await.unwrap_err();
        assert!(super::super::error::everything(&error).contains("DeleteBucket is not among"), "{error:?}");
    }

    #[tokio::test]
    async fn an_operation_that_is_listed_goes_to_the_network() {
        let iam = aws_sdk_iam::config::Builder::from(&config()).interceptor(Guard).build();
        let error = aws_sdk_iam::Client::from_conf(iam).get_role().role_name("r").send().await.unwrap_err();
        assert_eq!(Problem::of(&error).kind, FailureKind::Network, "{error:?}");
    }

    #[tokio::test]
    async fn credentials_are_fetched_again_only_when_they_have_run_out() {
        let of = |name: &str, ends: Option<SystemTime>| Credentials::new(name, "b", None, ends, "test");
        let source = SharedCredentialsProvider::new(of("second", None));
        for (ends, expected) in [
            (None, "first"),
            (Some(SystemTime::now() + Duration::from_mins(15)), "first"),
            (Some(SystemTime::now()), "second"),
        ] {
            let kept = Kept { first: Mutex::new(of("first", ends)), source: source.clone() };
            assert_eq!(kept.credentials().await.unwrap().access_key_id(), expected);
        }
    }
}
