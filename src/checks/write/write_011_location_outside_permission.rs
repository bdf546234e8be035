//! WRITE-011: tables lie, or will lie, where the role's policies do not reach: at the database's own
//! location instead of the warehouse, at a table's, or not in S3 at all.

use crate::checks::shared::commands::in_region;
use crate::checks::shared::concerns::files;
use crate::checks::shared::objects::mistyped;
use crate::checks::shared::phases::unseen_tables;
use crate::checks::shared::places::{Places, evidence, join, why};
use crate::checks::shared::standing::{Cause, Gap, Standings};
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::model::{
    Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section, Source, shell_flag,
};
use crate::requirement::Origin;
use crate::requirement::location::has_scheme;

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 11), judge };

/// Where the order of places is known from.
const ORDER: &str = "apache/iceberg GlueCatalog.defaultWarehouseLocation (7f879b1)";

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if view.databases().next().is_none() {
        return Ok(Outcome::Skip("none of the connectors writes to a Glue database".to_owned()));
    }
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    let places = Places::of(view);
    let mut outcomes: Vec<Result<Outcome, Blocked>> = Vec::new();
    outcomes.extend(places.elsewhere.iter().map(|origin| Ok(Outcome::Fail(vec![not_in_s3(view, origin)]))));
    let standings = Standings::of(view)?;
    let gaps = standings.by_reason(|cause| match cause {
        Cause::Outside { written } => Some(written.clone()),
        _ => None,
    });
    let required = gaps.iter().filter(|gap| gap.is_required());
    outcomes.extend(required.map(|gap| Ok(Outcome::Fail(vec![outside(view, &standings, gap)]))));
    outcomes.extend(places.open.iter().cloned().map(Err));
    // A table that nobody saw may lie anywhere.
    outcomes.extend(unseen_tables(view).map(Err));
    outcomes.extend(standings.policies.unread.first().cloned().map(Err));
    outcomes.extend(standings.unless("WRITE-011").map(Err));
    let proof = places.known.iter().filter_map(|it| Some(evidence(&it.origin, why(&it.origin)?)));
    outcomes.push(Ok(Outcome::Pass(proof.chain([reached()]).collect())));
    Ok(join(outcomes))
}

fn reached() -> Evidence {
    Evidence::evaluated(
        Vec::new(),
        "no S3 statement of the role stops at another place than where tables lie",
    )
}

fn not_in_s3(view: &View<'_>, origin: &Origin) -> Finding {
    let fault = if has_scheme(address(origin).as_str()) {
        "that is no address in S3, and the connector writes to S3 only"
    } else {
        "it does not begin with s3://, and Iceberg refuses it (Invalid S3 URI, cannot determine scheme)"
    };
    let what = format!("{}; {fault}", words::capital(&why(origin).unwrap_or_default()));
    Finding::new(address(origin), what)
        .about(files(view, origin))
        .evidence(evidence(origin, format!("the location is {}", address(origin))))
        .evidence(documented())
        .remedy(relocate(view, origin))
}

fn outside(view: &View<'_>, standings: &Standings<'_>, gap: &Gap<'_, '_>) -> Finding {
    let locations = gap.locations();
    let origin = locations.first().map(|it| &it.origin);
    let reason = origin.and_then(why).unwrap_or_default();
    let more = match locations.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more such places)", count - 1),
    };
    let policy = gap.because.as_ref().map_or("the policy", |it| it.policy.as_str());
    let what = format!(
        "{}{more}; {policy} allows {} on {} only, and not on {}",
        words::capital(&reason),
        words::list(&gap.actions()),
        words::list(&gap.written),
        gap.asked_in_words(),
    );
    let mut finding = gap.finding(what);
    if let Some(origin) = origin {
        words::add(&mut finding.evidence, evidence(origin, reason));
        finding = finding.evidence(documented());
    }
    let documents = standings.policies.documents();
    finding.remedies.extend(locations.first().and_then(|it| mistyped(view, &documents, &it.bucket)));
    let finding = finding.remedy(gap.remedy());
    match origin {
        Some(origin) => finding.remedy(relocate(view, origin)),
        None => finding,
    }
}

fn documented() -> Evidence {
    Evidence {
        source: Source::Documentation { reference: ORDER.to_owned() },
        text: "a new table goes below the database's LocationUri; only where there is none, below <warehouse>/<database>.db".to_owned(),
    }
}

fn address(origin: &Origin) -> String {
    match origin {
        Origin::Parameters => String::new(),
        Origin::Database { uri, .. } | Origin::Warehouse { uri, .. } | Origin::Table { uri, .. } => {
            uri.clone()
        }
    }
}

/// The other way round: bring the location to where the role may write.
fn relocate(view: &View<'_>, origin: &Origin) -> Remedy {
    let region = view.target().region.as_deref();
    let (title, steps, commands) = match origin {
        Origin::Database { name, .. } => (
            format!("Give the Glue database {name} a location that the role may write to"),
            vec![
                format!("Set LocationUri of the Glue database {name} to a place in S3 that the role's policy names; new tables go there"),
                "Tables that exist stay where they are".to_owned(),
            ],
            vec![in_region(&format!("aws glue get-database {}", shell_flag("--name", name)), region)],
        ),
        Origin::Table { name, .. } => (
            format!("Let the connector write to another table than {name}, or move its files"),
            vec![
                format!("If the connector does not write to {name}, name its table with --table and run the doctor again"),
                format!("Otherwise create the table anew below the database's location: the files of {name} do not move by themselves"),
            ],
            Vec::new(),
        ),
        Origin::Warehouse { database, .. } => (
            "Set the connector's warehouse to a place that the role may write to".to_owned(),
            vec![
                "Set the connector's warehouse in the Streamkap app to a bucket and path that the role's policy names".to_owned(),
                format!("Or give the Glue database {database} a LocationUri there"),
            ],
            Vec::new(),
        ),
        Origin::Parameters => (
            "Set the connector's bucket to one that the role may write to".to_owned(),
            vec!["Change the bucket in the Streamkap app".to_owned()],
            Vec::new(),
        ),
    };
    Remedy::Manual { owner: Owner::You, title, steps, commands }
}
