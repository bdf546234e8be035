//! The places in S3 that the connectors write to: why there, and one outcome of what each is judged.

use crate::checks::View;
use crate::facts::FactId;
use crate::model::{Blocked, Evidence, Finding, Outcome, Source};
use crate::requirement::{Location, Origin, Side};

use super::words;

/// Where the connectors write, of all of them together.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Places in S3, each once.
    pub known: Vec<Location>,
    /// Addresses that are none of S3, by what made the connector write there.
    pub elsewhere: Vec<Origin>,
    /// Why the place of new tables is not known.
    pub open: Vec<Blocked>,
}

impl Places {
    /// Where the target's connectors write.
    pub(crate) fn of(view: &View<'_>) -> Self {
        let mut found = Self::default();
        for (_, locations) in view.locations() {
            words::add_all(&mut found.known, locations.all().cloned());
            words::add_all(&mut found.elsewhere, locations.elsewhere.into_iter().map(|it| it.0));
            words::add_all(&mut found.open, locations.open.into_iter().chain(locations.unplaced));
        }
        found
    }

    /// The first place in each bucket.
    pub(crate) fn buckets(&self) -> Vec<&Location> {
        let mut found: Vec<&Location> = Vec::new();
        for location in &self.known {
            if !found.iter().any(|it| it.bucket == location.bucket) {
                found.push(location);
            }
        }
        found
    }

    /// What a check of the role's policies says when no bucket is there that they could be about.
    pub(crate) fn without_bucket(&self, view: &View<'_>) -> Option<Outcome> {
        let absent = || self.buckets().into_iter().map(|it| absent_bucket(view, &it.bucket));
        let all = self.open.is_empty() && absent().all(|skip| skip.is_some());
        self.none().or_else(|| all.then(|| join(absent().flatten().map(Ok))))
    }

    /// What a check of places in S3 says when there is none.
    pub(crate) fn none(&self) -> Option<Outcome> {
        let reason = match (self.known.is_empty() && self.open.is_empty(), self.elsewhere.is_empty()) {
            (false, _) => return None,
            (true, true) => "none of the connectors writes to S3",
            (true, false) => "what the connectors write to is not in S3 (reported as WRITE-011)",
        };
        Some(Outcome::Skip(reason.to_owned()))
    }
}

/// Judges every bucket that the connectors write to.
pub(crate) fn each_bucket(view: &View<'_>, judge: impl Fn(&Location) -> Result<Outcome, Blocked>) -> Outcome {
    let places = Places::of(view);
    if let Some(skip) = places.none() {
        return skip;
    }
    let judged = places.buckets().into_iter().map(judge);
    join(judged.chain(places.open.iter().cloned().map(Err)))
}

/// One outcome of several: the worst, with the findings, proof or reasons of all that are as bad.
pub(crate) fn join(outcomes: impl IntoIterator<Item = Result<Outcome, Blocked>>) -> Outcome {
    let (mut failing, mut warning) = (Vec::new(), Vec::new());
    let (mut blocked, mut proof, mut reasons) = (Vec::new(), None, Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(Outcome::Fail(findings)) => findings.into_iter().for_each(|it| add_finding(&mut failing, it)),
            Ok(Outcome::Warn(findings)) => findings.into_iter().for_each(|it| add_finding(&mut warning, it)),
            Ok(Outcome::Unknown(unread)) => unread.into_iter().for_each(|it| add_blocked(&mut blocked, it)),
            Ok(Outcome::Pass(evidence)) => words::add_all(proof.get_or_insert_with(Vec::new), evidence),
            Ok(Outcome::Skip(reason)) => words::add(&mut reasons, reason),
            Ok(broken @ Outcome::Broken(_)) => return broken,
            Err(unread) => add_blocked(&mut blocked, unread),
        }
    }
    if !failing.is_empty() {
        return Outcome::Fail(failing);
    }
    if !blocked.is_empty() {
        return Outcome::Unknown(blocked);
    }
    match proof {
        _ if !warning.is_empty() => Outcome::Warn(warning),
        Some(proof) => Outcome::Pass(proof),
        None => Outcome::Skip(reasons.join("; ")),
    }
}

/// Adds a finding, or to one that says the same what else it is about.
fn add_finding(findings: &mut Vec<Finding>, mut new: Finding) {
    let concerns = std::mem::take(&mut new.concerns);
    let same = |it: &&mut Finding| Finding { concerns: Vec::new(), ..(**it).clone() } == new;
    match findings.iter_mut().find(same) {
        Some(known) => words::add_all(&mut known.concerns, concerns),
        None => findings.push(new.about(concerns)),
    }
}

/// The same for what could not be read.
fn add_blocked(blocked: &mut Vec<Blocked>, mut new: Blocked) {
    let concerns = std::mem::take(&mut new.concerns);
    let same = |it: &&mut Blocked| Blocked { concerns: Vec::new(), ..(**it).clone() } == new;
    match blocked.iter_mut().find(same) {
        Some(known) => words::add_all(&mut known.concerns, concerns),
        None => blocked.push(new.about(concerns)),
    }
}

/// What a check says that has nothing to judge because there is no such bucket.
pub(crate) fn absent_bucket(view: &View<'_>, bucket: &str) -> Option<Outcome> {
    is_absent(view, bucket).then(|| no_bucket(bucket))
}

/// The same where it is known already.
pub(crate) fn no_bucket(bucket: &str) -> Outcome {
    Outcome::Skip(format!("there is no bucket {bucket} (reported as WRITE-001)"))
}

/// Whether AWS says that there is no such bucket.
pub(crate) fn is_absent(view: &View<'_>, bucket: &str) -> bool {
    matches!(view.bucket(bucket, FactId::Bucket, |it| &it.head), Ok(None))
}

/// Why the connector writes to a place, a clause; `None`: its bucket and prefix are its parameters.
pub(crate) fn why(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Parameters => None,
        Origin::Database { name, uri } => Some(format!(
            "the Glue database {name} has LocationUri {uri}, so that new tables go there, whatever the warehouse is"
        )),
        Origin::Warehouse { database, uri } => Some(format!(
            "the warehouse is {uri}, and new tables go to {database}.db/ in it, for the Glue database {database} has no location of its own"
        )),
        Origin::Table { name, uri, side: Side::Both } => {
            Some(format!("the table {name} lies at {uri}, not below the location of its database"))
        }
        Origin::Table { name, uri, side: Side::Data } => {
            Some(format!("the rows of the table {name} go to {uri}, a place of their own"))
        }
        Origin::Table { name, uri, side: Side::Metadata } => {
            Some(format!("the metadata of the table {name} goes to {uri}"))
        }
    }
}

/// Adds to a finding why the connector writes to the place that it is about.
pub(crate) fn told(mut finding: Finding, origin: &Origin) -> Finding {
    let Some(why) = why(origin) else { return finding };
    finding.what = format!("{} ({why})", finding.what);
    words::add(&mut finding.evidence, evidence(origin, why));
    finding
}

/// The same as proof.
pub(crate) fn evidence(origin: &Origin, why: String) -> Evidence {
    let action = match origin {
        Origin::Parameters => return Evidence { source: Source::Given, text: why },
        Origin::Database { .. } | Origin::Warehouse { .. } => "glue:GetDatabase",
        Origin::Table { .. } => "glue:GetTables",
    };
    Evidence::read(action, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(what: &str) -> Blocked {
        Blocked::new(what, "not read")
    }

    fn pass(text: &str) -> Outcome {
        Outcome::Pass(vec![Evidence::read("s3:ListBucket", text)])
    }

    #[test]
    fn the_worst_outcome_counts_and_keeps_all_that_are_as_bad() {
        let fail = |name: &str| Ok(Outcome::Fail(vec![Finding::new(name, "wrong")]));
        let warn = || Ok(Outcome::Warn(vec![Finding::new("w", "odd")]));
        let skip = || Ok(Outcome::Skip("nothing there".to_owned()));
        let unread = || Err(blocked("a"));
        let joined = join([fail("a"), unread(), warn(), Ok(pass("b")), skip(), fail("c")]);
        assert!(matches!(joined, Outcome::Fail(findings) if findings.len() == 2));
        let unknown = Outcome::Unknown(vec![blocked("b")]);
        let joined = join([Ok(pass("b")), unread(), warn(), Ok(unknown)]);
        assert!(matches!(joined, Outcome::Unknown(blocked) if blocked.len() == 2));
        assert!(matches!(join([Ok(pass("a")), warn()]), Outcome::Warn(_)));
        assert!(matches!(join([skip(), Ok(pass("a")), Ok(pass("b"))]), Outcome::Pass(it) if it.len() == 2));
        assert!(matches!(join([skip(), skip()]), Outcome::Skip(reason) if reason == "nothing there"));
    }
}
