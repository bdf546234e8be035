//! Where the connector is and where it writes: one region, and one that Streamkap offers.

use crate::checks::View;
use crate::model::{Evidence, Finding, Owner, Partition, Remedy, Source};

use super::words;

/// Something that the connector writes to, which has to be in the connector's region.
pub(crate) struct Place<'a> {
    /// Its name or ARN.
    pub(crate) resource: &'a str,
    /// In words: `bucket orders`.
    pub(crate) words: String,
    /// Where it is.
    pub(crate) region: &'a str,
    /// The IAM action that showed it.
    pub(crate) action: &'static str,
    /// What AWS answers to calls sent to another region, and where that is known from.
    pub(crate) elsewhere: (&'static str, &'static str),
}

/// What a connector uses besides the place, which was found in a region: that is the connector's, for it has
/// one region for all of AWS.
pub(crate) struct Home<'a> {
    /// In words: `the Glue database sales`.
    pub(crate) words: String,
    /// Where it was found.
    pub(crate) region: &'a str,
    /// The IAM action that showed it.
    pub(crate) action: &'static str,
}

/// Whether the connector can be where the place is: proof, or what is wrong.
pub(crate) fn judge(
    view: &View<'_>,
    place: &Place<'_>,
    home: Option<&Home<'_>>,
) -> Result<Vec<Evidence>, Box<Finding>> {
    let (words, region) = (&place.words, place.region);
    if !view.vendor().offers(region) {
        return Err(Box::new(not_offered(view, place)));
    }
    let text = match (view.target().given_region(), home) {
        (Some(given), _) if given != region => return Err(Box::new(mismatch(view, place, given))),
        (None, Some(home)) if home.region != region => return Err(Box::new(apart(place, home))),
        (Some(_), _) => format!("{words} is in {region}, the connector's region"),
        (None, Some(home)) => format!("{words} is in {region}, as {} is", home.words),
        (None, None) => format!(
            "{words} is in {region}, which Streamkap offers: the connector's region has to be {region}, too"
        ),
    };
    Ok(vec![Evidence::read(place.action, text)])
}

/// What is wrong with a region in which something of the connector's was found; `None`: nothing.
pub(crate) fn home_is_not_offered(view: &View<'_>, home: &Home<'_>) -> Option<Finding> {
    let place = Place {
        resource: home.region,
        words: home.words.clone(),
        region: home.region,
        action: home.action,
        elsewhere: ONE_REGION,
    };
    (!view.vendor().offers(home.region)).then(|| not_offered(view, &place))
}

/// Where it is written that the region is one.
const ONE_REGION: (&str, &str) = (
    "a connector has one region for Glue, S3 and STS",
    "apache/iceberg AwsProperties, AssumeRoleAwsClientFactory (7f879b1): client.assume-role.region",
);

/// What is wrong with the region given, wherever the connector writes; `None`: nothing, or none was given.
pub(crate) fn given_is_not_offered(view: &View<'_>) -> Option<Finding> {
    let given = view.target().given_region().filter(|given| !view.vendor().offers(given))?;
    let what = format!("Streamkap's settings do not offer the region {given}: no connector can be in it");
    let near = near(view, given);
    Some(Finding::new(given, what).evidence(given_region(given)).evidence(offered(view)).remedy(
        Remedy::Manual {
            owner: Owner::You,
            title: "Say which region the connector has in the Streamkap app".to_owned(),
            steps: vec![
                "Read the connector's region in the Streamkap app and give it with --region".to_owned(),
                format!("If it has yet to be chosen: {} is nearest to {given}", words::list(&near)),
            ],
            commands: Vec::new(),
        },
    ))
}

fn mismatch(view: &View<'_>, place: &Place<'_>, given: &str) -> Finding {
    let (words, region) = (&place.words, place.region);
    let (answer, reference) = place.elsewhere;
    let what =
        format!("{} is in {region}, and the connector's region is {given}: {answer}", words::capital(words));
    let set = format!("Set the connector's region to {region} in the Streamkap app");
    let is_offered = view.vendor().offers(given);
    // The one region is that of the database, too.
    let database = view.databases().find(|name| matches!(view.database(name), Ok(Some(_))));
    let database = database.filter(|name| *name != place.resource && is_offered);
    let (title, steps, evidence) = match database {
        Some(database) => (
            format!("Let the connector write to a bucket in {given}"),
            vec![
                format!(
                    "Let the connector write to a bucket in {given}, and name that one in the role's policies"
                ),
                format!(
                    "Or, if the database {database}, its tables and the Glue ARNs in the role's policies follow: set the connector's region to {region} in the Streamkap app"
                ),
            ],
            vec![
                Evidence::read("glue:GetDatabase", format!("the database {database} was found in {given}")),
                documented(ONE_REGION.1, ONE_REGION.0),
            ],
        ),
        None if is_offered => {
            let other = format!(
                "Or let the connector write to one in {given}, and name that one in the role's policies"
            );
            (set.clone(), vec![set, other], Vec::new())
        }
        None => (set.clone(), vec![set], vec![offered(view)]),
    };
    let finding = Finding::new(place.resource, what).evidence(location(place)).evidence(given_region(given));
    let finding = evidence.into_iter().fold(finding, Finding::evidence);
    finding.evidence(documented(reference, answer)).remedy(Remedy::Manual {
        owner: Owner::You,
        title,
        steps,
        commands: Vec::new(),
    })
}

/// The place and what the connector uses besides are in two regions.
fn apart(place: &Place<'_>, home: &Home<'_>) -> Finding {
    let (words, region) = (&place.words, place.region);
    let (answer, reference) = place.elsewhere;
    let what = format!(
        "{} is in {region}, and {} is in {}: the connector has one region for both. {answer}",
        words::capital(words),
        home.words,
        home.region
    );
    let title = format!("Let the connector write to a bucket in {}", home.region);
    Finding::new(place.resource, what)
        .evidence(location(place))
        .evidence(Evidence::read(home.action, format!("{} was found in {}", home.words, home.region)))
        .evidence(documented(ONE_REGION.1, ONE_REGION.0))
        .evidence(documented(reference, answer))
        .remedy(Remedy::Manual {
            owner: Owner::You,
            title,
            steps: vec![
                "Read the connector's region in the Streamkap app".to_owned(),
                format!("If it is {}: let it write to a bucket there, and name that one in the role's policies", home.region),
                format!("If it is {region}: run the doctor again with --region {region}, and it looks for {} there", home.words),
            ],
            commands: Vec::new(),
        })
}

fn not_offered(view: &View<'_>, place: &Place<'_>) -> Finding {
    let (words, region) = (&place.words, place.region);
    let what = format!(
        "{} is in {region}, a region that Streamkap does not offer: no setting of the connector can match it",
        words::capital(words)
    );
    let (answer, reference) = place.elsewhere;
    let mut finding = Finding::new(place.resource, what).evidence(location(place)).evidence(offered(view));
    if let Some(given) = view.target().given_region().filter(|given| *given != region) {
        finding = finding.evidence(given_region(given));
    }
    let kind = words.split(' ').next().unwrap_or(words);
    let near = near(view, region);
    finding.evidence(documented(reference, answer)).remedy(Remedy::Manual {
        owner: Owner::You,
        title: format!("Write to a {kind} in a region that Streamkap offers, such as {}", words::list(&near)),
        steps: vec![
            format!("Create a {kind} in one of these regions: {}", words::list(&near)),
            format!("Name that {kind} in the role's policies in place of this one"),
            format!("Set the connector to that {kind} and its region in the Streamkap app"),
            format!("Or ask Streamkap to offer {region}"),
        ],
        commands: Vec::new(),
    })
}

fn location(place: &Place<'_>) -> Evidence {
    Evidence::read(place.action, format!("{} is in {}", place.words, place.region))
}

fn given_region(given: &str) -> Evidence {
    Evidence { source: Source::Given, text: format!("the connector's region is {given}") }
}

fn documented(reference: &str, text: &str) -> Evidence {
    Evidence { source: Source::Documentation { reference: reference.to_owned() }, text: text.to_owned() }
}

fn offered(view: &View<'_>) -> Evidence {
    let regions = &view.vendor().regions;
    documented(&regions.source, &format!("the settings offer {}", words::list(&regions.offered)))
}

/// The offered regions of the same area, else all of the same partition.
fn near<'v>(view: &View<'v>, region: &str) -> Vec<&'v str> {
    let partition = Partition::of_region(region);
    let offered = view.vendor().regions.offered.iter().map(String::as_str);
    let all: Vec<&str> = offered.filter(|it| Partition::of_region(it) == partition).collect();
    let area = |name: &str| name.split('-').next().unwrap_or(name).to_owned();
    let near: Vec<&str> = all.iter().filter(|it| area(it) == area(region)).copied().collect();
    if near.is_empty() { all } else { near }
}
