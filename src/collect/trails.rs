//! Trails that log a region, whether they do, and which events.

use aws_sdk_cloudtrail::types::{
    AdvancedEventSelector, AdvancedFieldSelector, EventSelector as BasicSelector,
};
use futures::future::join_all;

use super::client::Aws;
use super::operations::{DESCRIBE_TRAILS, GET_EVENT_SELECTORS, GET_TRAIL_STATUS};
use crate::facts::{EventSelector, Fact, Trail, TrailStatus};

/// Trails looked into: an account may have five in a region, and organisations add theirs.
const TRAILS: usize = 5;
/// All objects of all buckets, as an event selector writes it.
const ALL_OBJECTS: &str = "arn:aws:s3";

/// The trails that log `region`, without status and selectors.
pub(super) async fn list(aws: &Aws<'_>, region: &str) -> Fact<Vec<Trail>> {
    let client = aws.cloudtrail(region);
    let answer = aws.ask(&DESCRIBE_TRAILS, client.describe_trails().include_shadow_trails(true).send()).await;
    answer.map(|answer| {
        let trails = answer.trail_list().iter().filter_map(|trail| {
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
        });
        trails.filter(|trail| trail.multi_region || trail.home_region == region).take(TRAILS).collect()
    })
}

/// Adds status and selectors, all asked at once. Each trail is asked for in its home region.
pub(super) async fn look_into(aws: &Aws<'_>, trails: Fact<Vec<Trail>>) -> Fact<Vec<Trail>> {
    match trails {
        Fact::Known(trails) => {
            Fact::Known(join_all(trails.into_iter().map(|trail| look_into_one(aws, trail))).await)
        }
        unread => unread,
    }
}

async fn look_into_one(aws: &Aws<'_>, trail: Trail) -> Trail {
    let client = aws.cloudtrail(&trail.home_region);
    let (status, selectors) = tokio::join!(
        aws.ask(&GET_TRAIL_STATUS, client.get_trail_status().name(trail.arn.as_str()).send()),
        aws.ask(&GET_EVENT_SELECTORS, client.get_event_selectors().trail_name(trail.arn.as_str()).send()),
    );
    Trail {
        status: status.map(|status| TrailStatus {
            logging: status.is_logging().unwrap_or(false),
            delivery_error: status.latest_delivery_error().filter(|it| !it.is_empty()).map(str::to_owned),
        }),
        selectors: selectors.map(|it| {
            let basic = it.event_selectors().iter().map(basic);
            basic.chain(it.advanced_event_selectors().iter().filter_map(advanced)).collect()
        }),
        ..trail
    }
}

/// A basic selector: management events unless switched off, data events of the ARNs listed.
fn basic(selector: &BasicSelector) -> EventSelector {
    let objects = selector.data_resources().iter().filter(|it| it.r#type() == Some("AWS::S3::Object"));
    EventSelector {
        management: selector.include_management_events().unwrap_or(true),
        read_write: selector.read_write_type().map_or("All", |it| it.as_str()).to_owned(),
        excluded_sources: selector.exclude_management_event_sources().to_vec(),
        s3_objects: objects.flat_map(|it| it.values().iter().map(|value| without_slash(value))).collect(),
    }
}

/// `arn:aws:s3:::` and `arn:aws:s3` both mean all buckets.
fn without_slash(value: &str) -> String {
    if value.ends_with(":s3:::") { ALL_OBJECTS.to_owned() } else { value.to_owned() }
}

/// An advanced selector in the shape of a basic one; `None` when it logs neither management events nor
/// S3 objects, or not in a way that ARN prefixes can say.
fn advanced(selector: &AdvancedEventSelector) -> Option<EventSelector> {
    let field =
        |name: &str| selector.field_selectors().iter().find(|it| it.field().eq_ignore_ascii_case(name));
    let equals = |name: &str, value: &str| {
        field(name).is_some_and(|it| it.equals().iter().any(|given| given.eq_ignore_ascii_case(value)))
    };
    let read_write = if equals("readOnly", "true") {
        "ReadOnly"
    } else if equals("readOnly", "false") {
        "WriteOnly"
    } else {
        "All"
    };
    let shape = |management, excluded_sources, s3_objects| EventSelector {
        management,
        read_write: read_write.to_owned(),
        excluded_sources,
        s3_objects,
    };
    if equals("eventCategory", "Management") {
        let excluded = field("eventSource").map(|it| it.not_equals().to_vec()).unwrap_or_default();
        return Some(shape(true, excluded, Vec::new()));
    }
    if !equals("eventCategory", "Data")
        || !equals("resources.type", "AWS::S3::Object")
        || field("eventName").is_some()
    {
        return None;
    }
    let objects = match field("resources.ARN") {
        None => vec![ALL_OBJECTS.to_owned()],
        Some(arn) => prefixes(arn)?,
    };
    Some(shape(false, Vec::new(), objects))
}

/// The ARN prefixes a field selector lets through; `None` when it also takes some away.
fn prefixes(field: &AdvancedFieldSelector) -> Option<Vec<String>> {
    let takes_away = [field.not_equals(), field.not_starts_with(), field.not_ends_with(), field.ends_with()]
        .iter()
        .any(|it| !it.is_empty());
    let listed = field.starts_with().iter().chain(field.equals()).map(|value| without_slash(value));
    (!takes_away).then(|| listed.collect())
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudtrail::types::DataResource;

    use super::*;

    fn advanced_of(fields: &[(&str, &str, &[&str])]) -> Option<EventSelector> {
        let fields = fields.iter().map(|(name, operator, values)| {
            let values = Some(values.iter().map(|value| (*value).to_owned()).collect());
            let builder = AdvancedFieldSelector::builder().field(*name);
            match *operator {
                "equals" => builder.set_equals(values),
                "startsWith" => builder.set_starts_with(values),
                _ => builder.set_not_equals(values),
            }
            .build()
            .unwrap()
        });
        advanced(
            &AdvancedEventSelector::builder().set_field_selectors(Some(fields.collect())).build().unwrap(),
        )
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
            ("eventCategory", "equals", &["Management"]),
            ("readOnly", "equals", &["false"]),
            ("eventSource", "notEquals", &["kms.amazonaws.com"]),
        ]);
        let management = management.unwrap();
        assert_eq!((management.management, management.read_write.as_str()), (true, "WriteOnly"));
        assert_eq!(management.excluded_sources, ["kms.amazonaws.com"]);
        let data: &[(&str, &str, &[&str])] =
            &[("eventCategory", "equals", &["Data"]), ("resources.type", "equals", &["AWS::S3::Object"])];
        assert_eq!(advanced_of(data).unwrap().s3_objects, ["arn:aws:s3"]);
        let one = [data, &[("resources.ARN", "startsWith", &["arn:aws:s3:::orders/"])]].concat();
        assert_eq!(advanced_of(&one).unwrap().s3_objects, ["arn:aws:s3:::orders/"]);
    }

    #[test]
    fn a_selector_that_prefixes_cannot_say_is_left_out() {
        let data: &[(&str, &str, &[&str])] =
            &[("eventCategory", "equals", &["Data"]), ("resources.type", "equals", &["AWS::S3::Object"])];
        let but = [data, &[("resources.ARN", "notEquals", &["arn:aws:s3:::logs/"])]].concat();
        assert_eq!(advanced_of(&but), None);
        assert_eq!(advanced_of(&[("eventCategory", "equals", &["NetworkActivity"])]), None);
    }
}
