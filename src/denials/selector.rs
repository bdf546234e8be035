//! What a trail's event selectors let it record, and the selector to add.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::facts::{EventSelector, Extent, Logs};

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
        let mut add = |kind, of: &dyn Fn(&EventSelector) -> Logs| {
            let logs = selectors.iter().map(of).fold(Logs::default(), Logs::and);
            let conditions = selectors.iter().filter(|it| of(it) != Logs::default());
            logged.add(kind, logs, &conditions.flat_map(|it| it.narrowed_by.iter()).collect());
        };
        add(Kind::Management, &EventSelector::management_events);
        add(Kind::Kms, &EventSelector::key_events);
        add(Kind::S3Objects, &|selector| selector.objects(bucket));
        logged
    }

    fn add(&mut self, kind: Kind, logs: Logs, conditions: &BTreeSet<&String>) {
        let part = match (logs.reads, logs.writes) {
            (Extent::None, Extent::None) => return,
            (Extent::Whole, Extent::Whole) => return self.full.push(kind),
            (Extent::Whole, Extent::None) => "only those that read".to_owned(),
            (Extent::None, Extent::Whole) => "only those that write".to_owned(),
            (reads, writes) => {
                let which = match (reads, writes) {
                    (_, Extent::None) => "only some of those that read",
                    (Extent::None, _) => "only some of those that write",
                    _ => "only some",
                };
                let conditions: Vec<&str> = conditions.iter().map(|it| it.as_str()).collect();
                if conditions.is_empty() {
                    which.to_owned()
                } else {
                    format!("{which}, by the condition {}", conditions.join(", "))
                }
            }
        };
        self.partial.push((kind, part));
    }

    /// What is recorded, what in part, and what is not, in words.
    pub fn told(&self) -> String {
        let list = |kinds: Vec<&str>| if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
        let mut told = format!("recorded: {}", list(self.full.iter().map(|kind| kind.as_str()).collect()));
        for (kind, part) in &self.partial {
            told = format!("{told}; of the {} {part}", kind.as_str());
        }
        let missing: Vec<&str> =
            Kind::ALL.into_iter().filter(|kind| !self.shows(*kind)).map(Kind::as_str).collect();
        if missing.is_empty() { told } else { format!("{told}; not recorded: {}", missing.join(", ")) }
    }

    /// Whether any denial of this kind can show.
    pub fn shows(&self, kind: Kind) -> bool {
        self.full.contains(&kind) || self.partial.iter().any(|(partial, _)| *partial == kind)
    }
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
            s3_objects: s3.iter().map(|&arn| arn.to_owned()).collect(),
            ..EventSelector::default()
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
    fn objects_of_which_only_some_are_recorded_are_never_taken_for_all() {
        let logged = |one: &EventSelector| Logged::of(std::slice::from_ref(one), Some(("orders", "raw/")));
        assert_eq!(logged(&selector(false, "All", &["arn:aws:s3:::orders/"])).full, [Kind::S3Objects]);
        let some = |part: &str| vec![(Kind::S3Objects, part.to_owned())];
        assert_eq!(
            logged(&selector(false, "All", &["arn:aws:s3:::orders/raw/x"])).partial,
            some("only some")
        );
        assert!(!logged(&selector(false, "All", &["arn:aws:s3:::orders-2/"])).shows(Kind::S3Objects));
        let mut narrowed = selector(false, "WriteOnly", &["arn:aws:s3"]);
        narrowed.narrowed_by = vec!["userIdentity.arn NotStartsWith".to_owned()];
        let part = "only some of those that write, by the condition userIdentity.arn NotStartsWith";
        assert_eq!((logged(&narrowed).full, logged(&narrowed).partial), (Vec::new(), some(part)));
    }

    #[test]
    fn what_is_recorded_is_told_with_what_is_not() {
        let selectors = [selector(true, "WriteOnly", &[])];
        assert_eq!(
            Logged::of(&selectors, None).told(),
            "recorded: nothing; of the management events only those that write; of the calls on KMS keys only \
             those that write; not recorded: calls on S3 objects"
        );
        assert_eq!(
            Logged::of(&[selector(true, "All", &["arn:aws:s3"])], None).told(),
            "recorded: management events, calls on KMS keys, calls on S3 objects"
        );
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
