//! What a trail's event selectors log, as AWS gave them and as far as they can be weighed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Trail;
use crate::model::{shell_flag, shell_word};

/// An event selector, basic or advanced, in one shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSelector {
    /// Whether management events are logged.
    pub management: bool,
    /// `All`, `ReadOnly`, `WriteOnly`.
    pub read_write: String,
    /// Event sources left out (`kms.amazonaws.com`).
    #[serde(default)]
    pub excluded_sources: Vec<String>,
    /// ARN prefixes whose S3 object events are logged; `arn:aws:s3` means all.
    #[serde(default)]
    pub s3_objects: Vec<String>,
    /// ARN prefixes whose S3 object events are left out again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub s3_excluded: Vec<String>,
    /// Conditions that let less through and cannot be weighed: `userIdentity.arn NotStartsWith`. With any
    /// of them the selector logs an unknown part of what it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrowed_by: Vec<String>,
    /// The selector as AWS gave it; not in cases of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<GivenSelector>,
}

/// A selector as AWS gave it, so far as the rest does not tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GivenSelector {
    /// A basic one.
    Basic {
        /// Its data resources, of whichever type.
        data: Vec<DataResource>,
    },
    /// An advanced one.
    Advanced {
        /// What somebody called it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Its conditions, all of which an event has to meet.
        conditions: Vec<SelectorCondition>,
    },
}

/// The data resources of one type in a basic selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataResource {
    /// `AWS::S3::Object`.
    #[serde(rename = "type")]
    pub kind: String,
    /// ARN prefixes.
    pub values: Vec<String>,
}

/// One operator on one field in an advanced selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectorCondition {
    /// The field: `resources.ARN`.
    pub attribute: String,
    /// `Equals`, `NotStartsWith` …
    pub operator: String,
    /// The values.
    pub value: Vec<String>,
}

/// How much of something a trail logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// Nothing.
    #[default]
    None,
    /// Some, or an unknown part.
    Part,
    /// All.
    Whole,
}

/// How much of the calls that read and of those that write is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// Of the calls that read.
    pub reads: Extent,
    /// Of the calls that write.
    pub writes: Extent,
}

impl Logs {
    /// Of both as much as either logs. Two parts may make a whole, which cannot be told.
    pub fn and(self, other: Self) -> Self {
        Self { reads: self.reads.max(other.reads), writes: self.writes.max(other.writes) }
    }
}

impl EventSelector {
    /// Calls on the objects of a bucket under a prefix, or of any bucket.
    pub fn objects(&self, place: Option<(&str, &str)>) -> Logs {
        let place = place.map(|(bucket, prefix)| format!(":s3:::{bucket}/{prefix}"));
        let place = place.as_deref();
        let named = self.s3_objects.iter().map(|arn| overlap(arn, place)).max().unwrap_or_default();
        let excluded = self.s3_excluded.iter().map(|arn| overlap(arn, place)).max().unwrap_or_default();
        self.logs(match excluded {
            Extent::None => named,
            Extent::Part => named.min(Extent::Part),
            Extent::Whole => Extent::None,
        })
    }

    /// Management events but for those of KMS.
    pub fn management_events(&self) -> Logs {
        // Whose calls these are no connector makes.
        let weighs = |source: &&String| !matches!(source.as_str(), KMS | "rdsdata.amazonaws.com");
        let all =
            if self.excluded_sources.iter().any(|it| weighs(&it)) { Extent::Part } else { Extent::Whole };
        self.logs(if self.management { all } else { Extent::None })
    }

    /// Calls on KMS keys, which are management events.
    pub fn key_events(&self) -> Logs {
        let left_out = self.excluded_sources.iter().any(|source| source == KMS);
        self.logs(if self.management && !left_out { Extent::Whole } else { Extent::None })
    }

    /// The extent for the calls of the kinds that the selector lets through.
    fn logs(&self, extent: Extent) -> Logs {
        let extent = if self.narrowed_by.is_empty() { extent } else { extent.min(Extent::Part) };
        let unless = |kind: &str| if self.read_write == kind { Extent::None } else { extent };
        Logs { reads: unless("WriteOnly"), writes: unless("ReadOnly") }
    }

    /// The selector as `put-event-selectors` takes it, and whether it is an advanced one; `None` where it is
    /// not known as AWS gave it.
    pub fn to_json(&self) -> Option<(Value, bool)> {
        match self.given.as_ref()? {
            GivenSelector::Basic { data } => {
                let data: Vec<Value> =
                    data.iter().map(|it| json!({"Type": it.kind, "Values": it.values})).collect();
                let selector = json!({
                    "ReadWriteType": self.read_write,
                    "IncludeManagementEvents": self.management,
                    "DataResources": data,
                    "ExcludeManagementEventSources": self.excluded_sources,
                });
                Some((selector, false))
            }
            GivenSelector::Advanced { name, conditions } => {
                let mut fields: Vec<Map<String, Value>> = Vec::new();
                for condition in conditions {
                    let field = fields.iter_mut().find(|it| it["Field"] == condition.attribute.as_str());
                    let entry = (condition.operator.clone(), json!(condition.value));
                    if let Some(field) = field {
                        field.insert(entry.0, entry.1);
                    } else {
                        let field = ("Field".to_owned(), json!(condition.attribute));
                        fields.push([field, entry].into_iter().collect());
                    }
                }
                let mut selector = json!({"FieldSelectors": fields});
                if let Some(name) = name {
                    selector["Name"] = json!(name);
                }
                Some((selector, true))
            }
        }
    }
}

impl Trail {
    /// The command that lets the trail log calls on the objects under these ARNs, of all buckets where there is
    /// none, beside what it logs already: `put-event-selectors` replaces all selectors. `None` where those are
    /// not known as AWS gave them.
    /// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html>
    pub fn command_to_log(&self, objects: &[String]) -> Option<String> {
        let selectors = self.selectors.known().filter(|selectors| !selectors.is_empty())?;
        let given: Vec<(Value, bool)> =
            selectors.iter().map(EventSelector::to_json).collect::<Option<_>>()?;
        let advanced = given.iter().any(|(_, advanced)| *advanced);
        let (option, added) = if advanced {
            let mut fields = vec![
                json!({"Field": "eventCategory", "Equals": ["Data"]}),
                json!({"Field": "resources.type", "Equals": [OBJECTS]}),
            ];
            if !objects.is_empty() {
                fields.push(json!({"Field": "resources.ARN", "StartsWith": objects}));
            }
            let selector =
                json!({"Name": "Calls on objects that Streamkap writes", "FieldSelectors": fields});
            ("--advanced-event-selectors", selector)
        } else {
            let all = [format!("arn:{}:s3", self.arn.partition())];
            let values = if objects.is_empty() { &all } else { objects };
            let data = json!([{"Type": OBJECTS, "Values": values}]);
            let selector =
                json!({"ReadWriteType": "All", "IncludeManagementEvents": false, "DataResources": data});
            ("--event-selectors", selector)
        };
        let selectors = given.into_iter().map(|(selector, _)| selector).chain([added]).collect();
        Some(self.put_event_selectors(option, &selectors))
    }

    /// The command that gives the trail these selectors in place of those it has.
    pub fn put_event_selectors(&self, option: &str, selectors: &Value) -> String {
        format!(
            "aws cloudtrail put-event-selectors {} {} {option} {}",
            shell_flag("--region", &self.home_region),
            shell_flag("--trail-name", self.arn.name()),
            shell_word(&selectors.to_string())
        )
    }
}

const KMS: &str = "kms.amazonaws.com";
/// The type of S3 objects among data resources.
const OBJECTS: &str = "AWS::S3::Object";

/// How much of a place an ARN prefix covers: all of it, some of it, none; without a place, of all objects
/// of all buckets.
fn overlap(arn: &str, place: Option<&str>) -> Extent {
    // `arn:aws:s3` and `arn:aws:s3:::` mean every bucket.
    let Some(at) = arn.find(":s3") else { return Extent::None };
    let prefix = &arn[at..];
    match place {
        _ if matches!(prefix, ":s3" | ":s3:::") => Extent::Whole,
        Some(place) if place.starts_with(prefix) => Extent::Whole,
        Some(place) if !prefix.starts_with(place) => Extent::None,
        _ => Extent::Part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(objects: &[&str], excluded: &[&str]) -> EventSelector {
        let of = |arns: &[&str]| arns.iter().map(|arn| format!("arn:aws:s3{arn}")).collect();
        EventSelector {
            read_write: "All".to_owned(),
            s3_objects: of(objects),
            s3_excluded: of(excluded),
            ..EventSelector::default()
        }
    }

    #[test]
    fn objects_are_logged_as_far_as_prefixes_reach_and_exclusions_do_not() {
        use Extent::{None, Part, Whole};
        for (objects, excluded, orders, any) in [
            (&[""][..], &[][..], Whole, Whole),
            (&[":::"], &[], Whole, Whole),
            (&[":::orders/"], &[], Whole, Part),
            (&[":::orders/raw/"], &[], Whole, Part),
            (&[":::orders/raw/x/"], &[], Part, Part),
            (&[":::orders-2/"], &[], None, Part),
            (&[""], &[":::logs/"], Whole, Part),
            (&[""], &[":::orders/"], None, Part),
            (&[""], &[":::orders/raw/x/"], Part, Part),
        ] {
            let selector = selector(objects, excluded);
            let of = |place| selector.objects(place).writes;
            assert_eq!((of(Some(("orders", "raw/"))), of(Option::None)), (orders, any), "{selector:?}");
        }
        assert_eq!(EventSelector::default().objects(Some(("orders", ""))), Logs::default());
    }

    #[test]
    fn a_selector_with_a_condition_that_cannot_be_weighed_logs_a_part_at_most() {
        let mut one = selector(&[""], &[]);
        one.management = true;
        one.narrowed_by = vec!["userIdentity.arn NotStartsWith".to_owned()];
        assert_eq!(one.objects(Some(("orders", ""))).writes, Extent::Part);
        assert_eq!(one.management_events().reads, Extent::Part);
        one.read_write = "WriteOnly".to_owned();
        assert_eq!(one.objects(Option::None), Logs { reads: Extent::None, writes: Extent::Part });
    }

    #[test]
    fn a_selector_goes_back_to_aws_as_it_came() {
        let condition = |attribute: &str, operator: &str, value: &str| SelectorCondition {
            attribute: attribute.to_owned(),
            operator: operator.to_owned(),
            value: vec![value.to_owned()],
        };
        let conditions = vec![
            condition("eventCategory", "Equals", "Data"),
            condition("resources.ARN", "StartsWith", "arn:aws:s3:::a/"),
            condition("resources.ARN", "NotStartsWith", "arn:aws:s3:::a/b/"),
        ];
        let given = Some(GivenSelector::Advanced { name: Some("mine".to_owned()), conditions });
        let (json, advanced) = EventSelector { given, ..EventSelector::default() }.to_json().unwrap();
        let expected = json!({"FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::a/"], "NotStartsWith": ["arn:aws:s3:::a/b/"]},
        ], "Name": "mine"});
        assert_eq!((json, advanced), (expected, true));
    }
}
