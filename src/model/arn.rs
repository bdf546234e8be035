//! Amazon Resource Names and the account ids and partitions inside them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A twelve-digit AWS account id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

impl AccountId {
    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The ARN of the account itself, `arn:<partition>:iam::<id>:root`.
    pub fn root_arn(&self, partition: &Partition) -> Arn {
        Arn::new(partition.as_str(), "iam", "", self.as_str(), "root")
    }
}

impl FromStr for AccountId {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ArnError::Account(text.to_owned()))
        }
    }
}

impl TryFrom<String> for AccountId {
    type Error = ArnError;

    fn try_from(text: String) -> Result<Self, ArnError> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A partition of AWS: `aws`, `aws-cn`, `aws-us-gov` and the newer `aws-…` ones.
///
/// Roles cannot be assumed across partitions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Partition(String);

impl Partition {
    /// The commercial partition, in which Streamkap's account lives.
    pub fn aws() -> Self {
        Self("aws".to_owned())
    }

    /// The partition a region belongs to, told by the region's prefix.
    ///
    /// An unknown prefix is taken for the commercial partition, as the AWS SDKs do.
    pub fn of_region(region: &str) -> Self {
        const BY_PREFIX: [(&str, &str); 8] = [
            ("cn-", "aws-cn"),
            ("us-gov-", "aws-us-gov"),
            ("us-iso-", "aws-iso"),
            ("us-isob-", "aws-iso-b"),
            ("eu-isoe-", "aws-iso-e"),
            ("us-isof-", "aws-iso-f"),
            ("eu-isof-", "aws-iso-f"),
            ("eusc-", "aws-eusc"),
        ];
        let name = BY_PREFIX
            .iter()
            .find(|(prefix, _)| region.starts_with(prefix))
            .map_or("aws", |(_, partition)| partition);
        Self(name.to_owned())
    }

    /// The name as it stands in an ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// An ARN taken apart: `arn:partition:service:region:account:resource`.
///
/// The resource keeps every colon and slash after the fifth colon. Fields may be empty, as
/// AWS leaves them: IAM has no region, S3 has neither region nor account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    text: String,
    /// Byte offsets of the five colons.
    colons: [usize; 5],
}

impl Arn {
    /// Puts an ARN together from its fields.
    pub fn new(partition: &str, service: &str, region: &str, account: &str, resource: &str) -> Self {
        let text = format!("arn:{partition}:{service}:{region}:{account}:{resource}");
        let colons = colons(&text).unwrap_or([3; 5]);
        Self { text, colons }
    }

    fn field(&self, index: usize) -> &str {
        let start = self.colons[index] + 1;
        match self.colons.get(index + 1) {
            Some(&end) => &self.text[start..end],
            None => &self.text[start..],
        }
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `aws`, `aws-cn`, …
    pub fn partition(&self) -> Partition {
        Partition(self.field(0).to_owned())
    }

    /// The service prefix, such as `s3`.
    pub fn service(&self) -> &str {
        self.field(1)
    }

    /// The region, or the empty string.
    pub fn region(&self) -> &str {
        self.field(2)
    }

    /// The account field as written: twelve digits, `aws` for AWS's own policies, or empty.
    pub fn account(&self) -> &str {
        self.field(3)
    }

    /// The account field, when it is an account id.
    pub fn account_id(&self) -> Option<AccountId> {
        self.account().parse().ok()
    }

    /// All that follows the fifth colon.
    pub fn resource(&self) -> &str {
        self.field(4)
    }

    /// The last part of the resource: a role's or a policy's name without its path.
    pub fn name(&self) -> &str {
        let resource = self.resource();
        resource.rsplit(['/', ':']).next().unwrap_or(resource)
    }
}

fn colons(text: &str) -> Option<[usize; 5]> {
    let mut found = [0; 5];
    let mut positions = text.match_indices(':').map(|(at, _)| at);
    for slot in &mut found {
        *slot = positions.next()?;
    }
    Some(found)
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let malformed = || ArnError::Malformed(text.to_owned());
        let colons = colons(text).ok_or_else(malformed)?;
        if !text.starts_with("arn:") || colons[4] + 1 == text.len() {
            return Err(malformed());
        }
        Ok(Self { text: text.to_owned(), colons })
    }
}

impl TryFrom<String> for Arn {
    type Error = ArnError;

    fn try_from(text: String) -> Result<Self, ArnError> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.text
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Why a text is not an ARN or an account id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// Not `arn:partition:service:region:account:resource`.
    #[error("`{0}` is not an ARN: expected arn:partition:service:region:account:resource")]
    Malformed(String),
    /// Not twelve digits.
    #[error("`{0}` is not an AWS account id: expected twelve digits")]
    Account(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_taken_apart_and_keeps_the_colons_of_its_resource() {
        let arn: Arn = "arn:aws:redshift:eu-west-1:123456789012:dbuser:c/u".parse().unwrap();
        assert_eq!(arn.service(), "redshift");
        assert_eq!(arn.region(), "eu-west-1");
        assert_eq!(arn.account(), "123456789012");
        assert_eq!(arn.resource(), "dbuser:c/u");
        assert_eq!(arn.name(), "u");
    }

    #[test]
    fn empty_fields_stay_empty() {
        let arn: Arn = "arn:aws:s3:::orders".parse().unwrap();
        assert_eq!((arn.region(), arn.account(), arn.resource()), ("", "", "orders"));
    }

    #[test]
    fn what_is_not_an_arn_is_refused() {
        for text in ["", "arn", "arn:aws:s3", "arn:aws:s3:::", "urn:aws:s3:::b"] {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_region_names_its_partition() {
        assert_eq!(Partition::of_region("cn-north-1").as_str(), "aws-cn");
        assert_eq!(Partition::of_region("us-gov-west-1").as_str(), "aws-us-gov");
        assert_eq!(Partition::of_region("eu-west-1").as_str(), "aws");
    }
}
