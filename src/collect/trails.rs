//! Trails that log a region, whether they do, and which events.

use aws_sdk_cloudtrail::types::{
    AdvancedEventSelector, AdvancedFieldSelector, EventSelector as BasicSelector,
};
use futures::future::join_all;

use super::client::Aws;
use super::error::failed;
use super::operations::{DESCRIBE_TRAILS, GET_EVENT_SELECTORS, GET_TRAIL_STATUS};
use crate::facts::{
    DataResource, EventSelector, Fact, FailureKind, GivenSelector, SelectorCondition, Trail, TrailStatus,
};

/// Trails looked into: an account may have five in a region, and organisations add theirs.
const TRAILS: usize = 10;
/// All objects of all buckets, as an event selector writes it.
const ALL_OBJECTS: &str = "arn:aws:s3";
/// The type of S3 objects among data resources.
const OBJECTS: &str = "AWS::S3::Object";

/// The trails that log `region`, without status and selectors.
pub(super) async fn list(aws: &Aws<'_>, region: &str) -> Fact<Vec<Trail>> {
    let client = aws.cloudtrail(region);
    let answer = aws.ask(&DESCRIBE_TRAILS, client.describe_trails().include_shadow_trails(true).send()).await;
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let trails: Option<Vec<Trail>> = answer
        .trail_list()
        .iter()
        .map(|trail| {
            Some(Trail {
                arn: trail.trail_arn()?.parse().ok()?,
                bucket: trail.s3_bucket_name().unwrap_or_default().to_owned(),
                prefix: trail.s3_key_prefix().map(str::to_owned),
                home_region: trail.home_region().unwrap_or(region).to_owned(),
                multi_region: trail.is_multi_region_trail().unwrap_or(false),
                organization: trail.is_organization_trail().unwrap_or(false),
                status: Fact::default(),
                selectors: Fact::default(),
            })
        })
        .collect();
    let Some(mut trails) = trails else {
        let what = "DescribeTrails answered with a trail that has no ARN";
        return failed(&DESCRIBE_TRAILS, FailureKind::Unreadable, what);
    };
    trails.retain(|trail| trail.multi_region || trail.home_region == region);
    Fact::Known(trails)
}

/// Adds status and selectors, all asked at once. Each trail is asked for in its home region.
pub(super) async fn look_into(aws: &Aws<'_>, trails: Fact<Vec<Trail>>) -> Fact<Vec<Trail>> {
    match trails {
        Fact::Known(mut trails) => {
            let unasked = trails.split_off(trails.len().min(TRAILS));
            let mut trails = join_all(trails.into_iter().map(|trail| look_into_one(aws, trail))).await;
            trails.extend(unasked.into_iter().map(unread));
            Fact::Known(trails)
        }
        unread => unread,
    }
}

/// A trail that is one too many to ask about.
fn unread(trail: Trail) -> Trail {
    let why = || format!("only the first {TRAILS} trails are looked into");
    Trail { status: Fact::NotAsked(why()), selectors: Fact::NotAsked(why()), ..trail }
}

async fn look_into_one(aws: &Aws<'_>, trail: Trail) -> Trail {
    let client = aws.cloudtrail(&trail.home_region);
    let (status, selectors) = tokio::join!(
        aws.ask(&GET_TRAIL_STATUS, client.get_trail_status().name(trail.arn.as_str()).send()),
        aws.ask(&GET_EVENT_SELECTORS, client.get_event_selectors().trail_name(trail.arn.as_str()).send()),
    );
    let status = match status.map(|status| (status.is_logging(), status)) {
        Fact::Known((Some(logging), status)) => Fact::Known(TrailStatus {
            logging,
            delivery_error: status.latest_delivery_error().filter(|it| !it.is_empty()).map(str::to_owned),
        }),
        Fact::Known((None, _)) => {
            let what = "GetTrailStatus did not say whether the trail is logging";
            failed(&GET_TRAIL_STATUS, FailureKind::Unreadable, what)
        }
        unread => unread.unread().unwrap_or_default(),
    };
    Trail {
        status,
        selectors: selectors.map(|it| {
            let basic = it.event_selectors().iter().map(basic);
            basic.chain(it.advanced_event_selectors().iter().map(advanced)).collect()
        }),
        ..trail
    }
}

/// A basic selector: management events unless switched off, data events of the ARNs listed.
fn basic(selector: &BasicSelector) -> EventSelector {
    let data = selector.data_resources().iter().map(|it| DataResource {
        kind: it.r#type().unwrap_or_default().to_owned(),
        values: it.values().to_vec(),
    });
    let data: Vec<DataResource> = data.collect();
    let objects = data.iter().filter(|it| it.kind == OBJECTS).flat_map(|it| &it.values);
    EventSelector {
        management: selector.include_management_events().unwrap_or(true),
        read_write: selector.read_write_type().map_or("All", |it| it.as_str()).to_owned(),
        excluded_sources: selector.exclude_management_event_sources().to_vec(),
        s3_objects: objects.map(|value| without_slash(value)).collect(),
        given: Some(GivenSelector::Basic { data }),
        ..EventSelector::default()
    }
}

/// `arn:aws:s3:::` and `arn:aws:s3` both mean all buckets.
fn without_slash(value: &str) -> String {
    if value.ends_with(":s3:::") { ALL_OBJECTS.to_owned() } else { value.to_owned() }
}

/// An advanced selector in the shape of a basic one. What of its conditions cannot be said so narrows it.
///
/// Of the operators on one field those that select add up, and those that deselect take away from that.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/filtering-data-events.html>
fn advanced(selector: &AdvancedEventSelector) -> EventSelector {
    let conditions: Vec<SelectorCondition> = selector.field_selectors().iter().flat_map(conditions).collect();
    let has = |attribute: &str, value: &str| {
        let mut equals = conditions.iter().filter(|it| is(it, attribute, "Equals"));
        equals.any(|it| it.value.iter().any(|given| given.eq_ignore_ascii_case(value)))
    };
    let (management, data) = (has("eventCategory", "Management"), has("eventCategory", "Data"));
    let mut read = EventSelector { management, read_write: "All".to_owned(), ..EventSelector::default() };
    let logs_objects = data && has("resources.type", OBJECTS);
    for condition in &conditions {
        if !weigh(&mut read, condition, logs_objects) {
            read.narrowed_by.push(format!("{} {}", condition.attribute, condition.operator));
        }
    }
    let selects =
        |it: &&SelectorCondition| is(it, "resources.ARN", "StartsWith") || is(it, "resources.ARN", "Equals");
    if logs_objects && !conditions.iter().any(|it| selects(&it)) {
        read.s3_objects = vec![ALL_OBJECTS.to_owned()];
    }
    read.given = Some(GivenSelector::Advanced { name: selector.name().map(str::to_owned), conditions });
    read
}

fn is(condition: &SelectorCondition, attribute: &str, operator: &str) -> bool {
    condition.attribute.eq_ignore_ascii_case(attribute) && condition.operator == operator
}

/// Takes a condition into the selector; whether that says all of it.
fn weigh(read: &mut EventSelector, condition: &SelectorCondition, logs_objects: bool) -> bool {
    let values = &condition.value;
    let arns = || values.iter().map(|value| without_slash(value));
    let names_s3 = values.iter().any(|value| value == "s3.amazonaws.com");
    match (condition.attribute.to_ascii_lowercase().as_str(), condition.operator.as_str()) {
        ("eventcategory" | "resources.type", "Equals") => true,
        ("readonly", "Equals" | "NotEquals") => {
            let [value] = &values[..] else { return false };
            let reads = value.eq_ignore_ascii_case("true") == (condition.operator == "Equals");
            let kind = if reads { "ReadOnly" } else { "WriteOnly" };
            kind.clone_into(&mut read.read_write);
            true
        }
        ("eventsource", "NotEquals") if read.management => {
            read.excluded_sources.extend_from_slice(values);
            true
        }
        ("eventsource", "Equals") if logs_objects => names_s3,
        ("eventsource", "NotEquals") if logs_objects => !names_s3,
        ("resources.arn", "StartsWith") => {
            read.s3_objects.extend(arns().filter(|_| logs_objects));
            true
        }
        ("resources.arn", "NotStartsWith") => {
            read.s3_excluded.extend(arns().filter(|_| logs_objects));
            true
        }
        // One object, or the bucket as such.
        ("resources.arn", "Equals") => {
            read.s3_objects.extend(arns().filter(|_| logs_objects));
            false
        }
        _ => false,
    }
}

/// The operators of a field, each by itself.
fn conditions(field: &AdvancedFieldSelector) -> Vec<SelectorCondition> {
    let operators = [
        ("Equals", field.equals()),
        ("StartsWith", field.starts_with()),
        ("EndsWith", field.ends_with()),
        ("NotEquals", field.not_equals()),
        ("NotStartsWith", field.not_starts_with()),
        ("NotEndsWith", field.not_ends_with()),
    ];
    let given = operators.into_iter().filter(|(_, values)| !values.is_empty());
    given
        .map(|(operator, values)| SelectorCondition {
            attribute: field.field().to_owned(),
            operator: operator.to_owned(),
            value: values.to_vec(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudtrail::types::DataResource;

    use super::*;

    fn advanced_of(fields: &[(&str, &str, &[&str])]) -> EventSelector {
        let fields = fields.iter().map(|(name, operator, values)| {
            let values = Some(values.iter().map(|value| (*value).to_owned()).collect());
            let builder = AdvancedFieldSelector::builder().field(*name);
            match *operator {
                "Equals" => builder.set_equals(values),
                "StartsWith" => builder.set_starts_with(values),
                "EndsWith" => builder.set_ends_with(values),
                "NotStartsWith" => builder.set_not_starts_with(values),
                _ => builder.set_not_equals(values),
            }
            .build()
            .unwrap()
        });
        advanced(
            &AdvancedEventSelector::builder().set_field_selectors(Some(fields.collect())).build().unwrap(),
        )
    }

    /// Conditions with which a selector logs S3 objects, and more.
    fn of_objects(more: &[(&str, &str, &[&str])]) -> EventSelector {
        let data: &[(&str, &str, &[&str])] =
            &[("eventCategory", "Equals", &["Data"]), ("resources.type", "Equals", &["AWS::S3::Object"])];
        advanced_of(&[data, more].concat())
    }

    #[test]
    fn a_basic_selector_logs_management_events_unless_told_otherwise() {
        let selector = basic(&BasicSelector::builder().build());
        assert!(selector.management);
        assert_eq!(selector.read_write, "All");
        let objects =
            DataResource::builder().r#type("AWS::S3::Object").values("arn:aws:s3:::orders/").build();
        let selector =
            basic(&BasicSelector::builder().include_management_events(false).data_resources(objects).build());
        assert!(!selector.management);
        assert_eq!(selector.s3_objects, ["arn:aws:s3:::orders/"]);
    }

    #[test]
    fn advanced_selectors_take_the_same_shape() {
        let management = advanced_of(&[
            ("eventCategory", "Equals", &["Management"]),
            ("readOnly", "Equals", &["false"]),
            ("eventSource", "NotEquals", &["kms.amazonaws.com"]),
        ]);
        assert_eq!((management.management, management.read_write.as_str()), (true, "WriteOnly"));
        assert_eq!(management.excluded_sources, ["kms.amazonaws.com"]);
        assert_eq!(of_objects(&[]).s3_objects, ["arn:aws:s3"]);
        assert_eq!(
            of_objects(&[("resources.ARN", "StartsWith", &["arn:aws:s3:::orders/"])]).s3_objects,
            ["arn:aws:s3:::orders/"]
        );
        assert_eq!(of_objects(&[("readOnly", "NotEquals", &["true"])]).read_write, "WriteOnly");
        assert!(of_objects(&[("eventSource", "Equals", &["s3.amazonaws.com"])]).narrowed_by.is_empty());
        let lambda = advanced_of(&[
            ("eventCategory", "Equals", &["Data"]),
            ("resources.type", "Equals", &["AWS::Lambda::Function"]),
        ]);
        assert!(!lambda.management && lambda.s3_objects.is_empty() && lambda.given.is_some());
    }

    #[test]
    fn exclusions_of_prefixes_are_kept_and_other_conditions_narrow_the_selector() {
        let but = of_objects(&[("resources.ARN", "NotStartsWith", &["arn:aws:s3:::logs/"])]);
        assert_eq!(
            (but.s3_objects, but.s3_excluded),
            (vec!["arn:aws:s3".to_owned()], vec!["arn:aws:s3:::logs/".to_owned()])
        );
        assert!(but.narrowed_by.is_empty());
        for (field, operator, value) in [
            ("userIdentity.arn", "NotStartsWith", "arn:aws:sts::111122223333:assumed-role/Streamkap/"),
            ("sessionCredentialFromConsole", "Equals", "true"),
            ("eventName", "Equals", "PutObject"),
            ("eventName", "NotEquals", "PutObject"),
            ("eventType", "Equals", "AwsServiceEvent"),
            ("eventSource", "NotEquals", "s3.amazonaws.com"),
            ("resources.ARN", "EndsWith", ".parquet"),
            ("resources.ARN", "NotEquals", "arn:aws:s3:::orders/"),
            ("resources.ARN", "Equals", "arn:aws:s3:::orders/"),
            ("aFieldOfTomorrow", "Equals", "x"),
        ] {
            let selector = of_objects(&[(field, operator, &[value])]);
            assert_eq!(selector.narrowed_by, [format!("{field} {operator}")]);
        }
        let one = of_objects(&[("resources.ARN", "Equals", &["arn:aws:s3:::orders/"])]);
        assert_eq!(one.s3_objects, ["arn:aws:s3:::orders/"]);
    }
}
