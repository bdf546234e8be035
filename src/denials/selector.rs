//! What a trail's event selectors let it record, and the selector to add.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::facts::EventSelector;

/// A kind of events, as far as it matters for seeing denials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Management events but for those of KMS: IAM, STS, Glue, buckets as such.
    Management,
    /// Calls on keys. Management events too, but trails may leave them out. A refused write to an
    /// encrypted bucket shows here even where the objects' own events are not recorded.
    Kms,
    /// Calls on objects (`PutObject`, `GetObject`, `ListObjectsV2` …): data events.
    S3Objects,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Management, Self::Kms, Self::S3Objects];

    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Management => "management events",
            Self::Kms => "calls on KMS keys",
            Self::S3Objects => "calls on S3 objects",
        }
    }

    /// The kind that a denial of this action is recorded as.
    ///
    /// `ListBucket` is that of `ListObjectsV2` and `HeadBucket`, which are data events.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html>
    pub fn of_action(action: &str) -> Self {
        let (service, name) = action.split_once(':').unwrap_or(("", action));
        match service {
            "kms" => Self::Kms,
            "s3" if name.contains("Object") || name.contains("Multipart") || name == "ListBucket" => {
                Self::S3Objects
            }
            _ => Self::Management,
        }
    }
}

/// What a trail records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logged {
    /// The kinds recorded in full for what is looked at.
    pub full: Vec<Kind>,
    /// Kinds recorded in part, and which part, in words.
    pub partial: Vec<(Kind, String)>,
}

impl Logged {
    /// What these selectors record, S3 objects as far as `bucket` and its `prefix` go; without a
    /// bucket, any object.
    pub fn of(selectors: &[EventSelector], bucket: Option<(&str, &str)>) -> Self {
        let mut logged = Self::default();
        let management: Vec<_> = selectors.iter().filter(|selector| selector.management).collect();
        logged.add(Kind::Management, reads_and_writes(management.iter().copied()));
        let with_kms = management
            .iter()
            .copied()
            .filter(|it| !it.excluded_sources.iter().any(|it| it == "kms.amazonaws.com"));
        logged.add(Kind::Kms, reads_and_writes(with_kms));
        let wanted = bucket.map(|(bucket, prefix)| format!(":s3:::{bucket}/{prefix}"));
        let covers = |selector: &&EventSelector| {
            selector.s3_objects.iter().any(|arn| covers_objects(arn, wanted.as_deref()))
        };
        logged.add(Kind::S3Objects, reads_and_writes(selectors.iter().filter(covers)));
        logged
    }

    fn add(&mut self, kind: Kind, (reads, writes): (bool, bool)) {
        match (reads, writes) {
            (true, true) => self.full.push(kind),
            (true, false) => self.partial.push((kind, "only those that read".to_owned())),
            (false, true) => self.partial.push((kind, "only those that write".to_owned())),
            (false, false) => {}
        }
    }

    /// Whether any denial of this kind can show.
    pub fn shows(&self, kind: Kind) -> bool {
        self.full.contains(&kind) || self.partial.iter().any(|(partial, _)| *partial == kind)
    }
}

fn reads_and_writes<'a>(selectors: impl Iterator<Item = &'a EventSelector>) -> (bool, bool) {
    selectors.fold((false, false), |(reads, writes), selector| {
        (reads || selector.read_write != "WriteOnly", writes || selector.read_write != "ReadOnly")
    })
}

/// Whether a selector's ARN prefix covers all objects that are looked at.
fn covers_objects(arn: &str, wanted: Option<&str>) -> bool {
    // `arn:aws:s3` and `arn:aws:s3:::` mean every bucket.
    let Some(at) = arn.find(":s3") else { return false };
    let tail = &arn[at..];
    let every = matches!(tail, ":s3" | ":s3:::");
    every || wanted.is_some_and(|wanted| wanted.starts_with(tail))
}

/// The advanced event selector that records calls on a bucket's objects, of all buckets without one.
///
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedEventSelector.html>
pub fn selector_to_add(partition: &str, bucket: Option<(&str, &str)>) -> Value {
    let mut fields = vec![
        json!({"Field": "eventCategory", "Equals": ["Data"]}),
        json!({"Field": "resources.type", "Equals": ["AWS::S3::Object"]}),
    ];
    let mut name = "Calls on S3 objects".to_owned();
    if let Some((bucket, prefix)) = bucket {
        name = format!("Calls on objects of {bucket}");
        // Calls on the bucket as such, ListObjectsV2, are recorded under the bucket's ARN and a slash.
        let start = format!("arn:{partition}:s3:::{bucket}/{prefix}");
        fields.push(json!({"Field": "resources.ARN", "StartsWith": [start]}));
    }
    json!({"Name": name, "FieldSelectors": fields})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(management: bool, read_write: &str, s3: &[&str]) -> EventSelector {
        EventSelector {
            management,
            read_write: read_write.to_owned(),
            excluded_sources: Vec::new(),
            s3_objects: s3.iter().map(|&arn| arn.to_owned()).collect(),
        }
    }

    #[test]
    fn management_events_alone_show_keys_but_no_objects() {
        let logged = Logged::of(&[selector(true, "All", &[])], Some(("orders", "")));
        assert_eq!(logged.full, [Kind::Management, Kind::Kms]);
        assert!(!logged.shows(Kind::S3Objects));
    }

    #[test]
    fn keys_can_be_left_out() {
        let mut one = selector(true, "All", &[]);
        one.excluded_sources = vec!["kms.amazonaws.com".to_owned()];
        assert!(!Logged::of(&[one], None).shows(Kind::Kms));
    }

    #[test]
    fn objects_are_covered_by_their_prefix_or_by_all_buckets() {
        for (arn, covered) in [
            ("arn:aws:s3", true),
            ("arn:aws:s3:::", true),
            ("arn:aws:s3:::orders/", true),
            ("arn:aws:s3:::orders/raw/", true),
            ("arn:aws:s3:::orders/raw/x", false),
            ("arn:aws:s3:::orders-2/", false),
            ("arn:aws:lambda", false),
        ] {
            let logged = Logged::of(&[selector(false, "All", &[arn])], Some(("orders", "raw/")));
            assert_eq!(logged.shows(Kind::S3Objects), covered, "{arn}");
        }
    }

    #[test]
    fn reads_and_writes_of_two_selectors_add_up() {
        let halves =
            [selector(false, "ReadOnly", &["arn:aws:s3"]), selector(false, "WriteOnly", &["arn:aws:s3"])];
        assert_eq!(Logged::of(&halves, None).full, [Kind::S3Objects]);
        let half = Logged::of(&halves[..1], None);
        assert_eq!(half.partial, [(Kind::S3Objects, "only those that read".to_owned())]);
    }

    #[test]
    fn actions_fall_into_the_kind_they_are_recorded_as() {
        for (action, kind) in [
            ("s3:PutObject", Kind::S3Objects),
            ("s3:ListBucket", Kind::S3Objects),
            ("s3:AbortMultipartUpload", Kind::S3Objects),
            ("s3:GetBucketLocation", Kind::Management),
            ("kms:Decrypt", Kind::Kms),
            ("glue:GetTable", Kind::Management),
        ] {
            assert_eq!(Kind::of_action(action), kind, "{action}");
        }
    }
}
