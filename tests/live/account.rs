//! A customer's account on the server, set up through the AWS SDK as a customer would.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudtrail::types::{DataResource, EventSelector, ReadWriteType};
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};
use serde_json::{Value, json};

use super::server;

pub const REGION: &str = "eu-west-1";
pub const ROLE: &str = "StreamkapConnectorAccess";
pub const EXTERNAL_ID: &str = "4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f3";

/// An account of its own for each test: the server takes a twelve-digit access key for its root.
pub struct Account {
    pub id: String,
    pub server: SocketAddr,
    runtime: tokio::runtime::Runtime,
    pub config: SdkConfig,
}

impl Account {
    /// An account with nothing in it.
    pub fn empty() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let id = format!("5{:011}", NEXT.fetch_add(1, Ordering::Relaxed));
        let server = server::address();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(format!("http://{server}"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                &id, "test", None, None, "test",
            )))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { id, server, runtime, config }
    }

    /// An account in which a role writes to a bucket: three managed and two inline policies.
    pub fn healthy() -> Self {
        let account = Self::empty();
        account.bucket(&account.bucket_name());
        account.role(ROLE, &account.trust());
        account.attach(ROLE, "StreamkapWrite", &account.write_policy());
        for name in ["ReadsMetrics", "ReadsTags"] {
            account.attach(ROLE, name, &policy(&["cloudwatch:GetMetricData"], &["*"]));
        }
        for name in ["InlineOne", "InlineTwo"] {
            account.inline(ROLE, name, &policy(&["tag:GetResources"], &["*"]));
        }
        account
    }

    pub fn bucket_name(&self) -> String {
        format!("orders-{}", self.id)
    }

    pub fn role_arn(&self) -> String {
        format!("arn:aws:iam::{}:role/{ROLE}", self.id)
    }

    pub fn trust(&self) -> Value {
        json!({"Version": "2012-10-17", "Statement": [{"Sid": "Streamkap", "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::300973880807:root"}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}}]})
    }

    pub fn write_policy(&self) -> Value {
        let bucket = self.bucket_name();
        policy(
            &[
                "s3:PutObject",
                "s3:AbortMultipartUpload",
                "s3:GetObject",
                "s3:ListMultipartUploadParts",
                "s3:ListBucketMultipartUploads",
            ],
            &[&format!("arn:aws:s3:::{bucket}"), &format!("arn:aws:s3:::{bucket}/*")],
        )
    }

    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub fn bucket(&self, name: &str) {
        let place = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(REGION))
            .build();
        let call = self.s3().create_bucket().bucket(name).create_bucket_configuration(place).send();
        self.wait(call).unwrap();
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config).force_path_style(true);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config)
    }

    pub fn role(&self, name: &str, trust: &Value) {
        let call =
            self.iam().create_role().role_name(name).assume_role_policy_document(trust.to_string()).send();
        self.wait(call).unwrap();
    }

    pub fn attach(&self, role: &str, name: &str, document: &Value) -> String {
        let created =
            self.iam().create_policy().policy_name(name).policy_document(document.to_string()).send();
        let arn = self.wait(created).unwrap().policy().unwrap().arn().unwrap().to_owned();
        self.wait(self.iam().attach_role_policy().role_name(role).policy_arn(&arn).send()).unwrap();
        arn
    }

    pub fn inline(&self, role: &str, name: &str, document: &Value) {
        let call = self
            .iam()
            .put_role_policy()
            .role_name(role)
            .policy_name(name)
            .policy_document(document.to_string());
        self.wait(call.send()).unwrap();
    }

    pub fn limit(&self, role: &str, name: &str, document: &Value) {
        let created =
            self.iam().create_policy().policy_name(name).policy_document(document.to_string()).send();
        let arn = self.wait(created).unwrap().policy().unwrap().arn().unwrap().to_owned();
        let call =
            self.iam().put_role_permissions_boundary().role_name(role).permissions_boundary(arn).send();
        self.wait(call).unwrap();
    }

    pub fn bucket_policy(&self, document: &Value) {
        let call =
            self.s3().put_bucket_policy().bucket(self.bucket_name()).policy(document.to_string()).send();
        self.wait(call).unwrap();
    }

    /// Encrypts the bucket with a new key, which the bucket names by its ARN or by an alias.
    pub fn encrypt(&self, key_policy: Option<&Value>, alias: Option<&str>) -> String {
        let kms = aws_sdk_kms::Client::new(&self.config);
        let call = kms.create_key().set_policy(key_policy.map(ToString::to_string)).send();
        let arn = self.wait(call).unwrap().key_metadata().unwrap().arn().unwrap().to_owned();
        if let Some(alias) = alias {
            self.wait(kms.create_alias().alias_name(alias).target_key_id(&arn).send()).unwrap();
        }
        let default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::AwsKms)
            .kms_master_key_id(alias.unwrap_or(&arn))
            .build()
            .unwrap();
        let rule =
            ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default).build();
        let configuration = ServerSideEncryptionConfiguration::builder().rules(rule).build().unwrap();
        let call = self.s3().put_bucket_encryption().bucket(self.bucket_name());
        self.wait(call.server_side_encryption_configuration(configuration).send()).unwrap();
        arn
    }

    /// A new key.
    pub fn key(&self) -> String {
        let kms = aws_sdk_kms::Client::new(&self.config);
        self.wait(kms.create_key().send()).unwrap().key_metadata().unwrap().arn().unwrap().to_owned()
    }

    /// A trail that logs every region.
    pub fn trail(&self) {
        let client = aws_sdk_cloudtrail::Client::new(&self.config);
        let call = client
            .create_trail()
            .name("everything")
            .s3_bucket_name(self.bucket_name())
            .is_multi_region_trail(true);
        self.wait(call.send()).unwrap();
        self.wait(client.start_logging().name("everything").send()).unwrap();
    }

    /// A trail whose logs go to a bucket of their own, and what of S3's objects it records.
    pub fn logging_trail(&self, logs: &str, prefix: Option<&str>, organization: bool, objects: &[&str]) {
        self.bucket(logs);
        let client = aws_sdk_cloudtrail::Client::new(&self.config);
        let call = client
            .create_trail()
            .name("main")
            .s3_bucket_name(logs)
            .set_s3_key_prefix(prefix.map(str::to_owned))
            .is_organization_trail(organization)
            .is_multi_region_trail(true);
        self.wait(call.send()).unwrap();
        let mut selector =
            EventSelector::builder().read_write_type(ReadWriteType::All).include_management_events(true);
        for arn in objects {
            selector = selector
                .data_resources(DataResource::builder().r#type("AWS::S3::Object").values(*arn).build());
        }
        let call = client.put_event_selectors().trail_name("main").event_selectors(selector.build());
        self.wait(call.send()).unwrap();
        self.wait(client.start_logging().name("main").send()).unwrap();
    }

    /// Puts an object into a bucket.
    pub fn put(&self, bucket: &str, key: &str, body: Vec<u8>) {
        let call = self.s3().put_object().bucket(bucket).key(key).body(body.into());
        self.wait(call.send()).unwrap();
    }

    /// Deletes a bucket.
    pub fn delete_bucket(&self, bucket: &str) {
        self.wait(self.s3().delete_bucket().bucket(bucket).send()).unwrap();
    }

    /// The documents of all policies of a role, with its boundary's, as the server has them.
    pub fn policies_of(&self, role: &str) -> (Vec<(String, String)>, Option<(String, String)>) {
        let iam = self.iam();
        let attached = self.wait(iam.list_attached_role_policies().role_name(role).send()).unwrap();
        let mut policies: Vec<(String, String)> = attached
            .attached_policies()
            .iter()
            .map(|it| (it.policy_name().unwrap().to_owned(), self.document(it.policy_arn().unwrap())))
            .collect();
        for name in self.wait(iam.list_role_policies().role_name(role).send()).unwrap().policy_names() {
            let call = iam.get_role_policy().role_name(role).policy_name(name).send();
            let document = self.wait(call).unwrap().policy_document().to_owned();
            policies.push((format!("role_{role}_{name}"), document));
        }
        let role = self.wait(iam.get_role().role_name(role).send()).unwrap();
        let boundary =
            role.role().and_then(|it| it.permissions_boundary()).and_then(|it| it.permissions_boundary_arn());
        (policies, boundary.map(|arn| (arn.to_owned(), self.document(arn))))
    }

    fn document(&self, arn: &str) -> String {
        let iam = self.iam();
        let policy = self.wait(iam.get_policy().policy_arn(arn).send()).unwrap();
        let version = policy.policy().unwrap().default_version_id().unwrap().to_owned();
        let version = self.wait(iam.get_policy_version().policy_arn(arn).version_id(version).send()).unwrap();
        version.policy_version().unwrap().document().unwrap().to_owned()
    }
}

/// A policy of one statement that allows.
pub fn policy(actions: &[&str], resources: &[&str]) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resources}]})
}
