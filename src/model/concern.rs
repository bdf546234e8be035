//! What of the connectors' work something is about.

/// A part of the connectors' work that a finding, or what could not be read, is about: by it the phase table
/// tells which phases are broken or unknown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// That the role is assumed, without which no connector starts.
    Start,
    /// A call on a resource. Policies may refuse it for some of the objects that the resource stands for, and
    /// then it is about those.
    Call {
        /// The connector that makes it: `s3`.
        connector: String,
        /// The IAM action.
        action: String,
        /// What it is made on, as the need or a narrower part of it has it: `arn:aws:s3:::orders/raw/*`.
        resource: String,
    },
    /// All that is done in a bucket.
    Bucket(String),
    /// What is written to a bucket.
    Uploads(String),
    /// The uses of the KMS key that a bucket encrypts with; `None`: that the Data Catalog does.
    Key {
        /// The bucket.
        bucket: Option<String>,
    },
    /// All that is done in a Glue database.
    Database(String),
    /// The files of the tables that a Glue database has.
    Tables(String),
    /// The files of the tables that a Glue database has not yet.
    NewTables(String),
    /// The login to a Redshift cluster or workgroup of this name.
    Redshift(String),
}
