//! The search of event history: what for, where, and by which names.

use std::collections::BTreeSet;

use super::{Reading, elsewhere, key_entries, own_account, role_arn, whole};
use crate::catalog::Catalog;
use crate::collect::cloudtrail::event_history::{self, Subject, Window, global};
use crate::collect::s3::NOT_WANTED;
use crate::collect::settings::History as HistorySetting;
use crate::facts::{Bucket, Fact, FactId, Facts, History, Purpose, Target};
use crate::model::Arn;
use crate::requirement::encryption;

impl Reading<'_> {
    /// Searches event history alone: all else is in the facts.
    pub(in crate::collect) async fn search_history(&self, facts: &Facts) -> History {
        let caller = facts.caller.known();
        let elsewhere = caller.and_then(|caller| elsewhere(caller, facts.target.role.account.as_ref()?));
        self.aws.progress().read();
        of_own_keys(self.history(facts, elsewhere.as_ref()).await, facts)
    }

    pub(super) async fn history(&self, facts: &Facts, elsewhere: Option<&Fact<()>>) -> History {
        let pages = match &self.settings.history {
            HistorySetting::Off(why) => return History::left_out(why.clone()),
            HistorySetting::Search { pages } => *pages,
        };
        if let Some(Fact::Failed(failure)) = elsewhere {
            return History::unsearched(failure.message.clone());
        }
        let ids = [
            (FactId::HistoryAssumeRole, Purpose::AssumeRole),
            (FactId::HistoryChanges, Purpose::Changes),
            (FactId::HistoryDenials, Purpose::Denials),
        ];
        let purposes: BTreeSet<Purpose> =
            ids.into_iter().filter(|(id, _)| self.plan.reads(*id)).map(|(_, purpose)| purpose).collect();
        if purposes.is_empty() {
            return History::unsearched(NOT_WANTED);
        }
        match self.subject(facts, purposes) {
            Some(subject) => {
                let window = Window {
                    since: whole(self.settings.window_start()),
                    until: whole(self.settings.window_end()),
                    pages,
                };
                if window.until <= window.since {
                    return History::unsearched(format!("it goes back no further than {}", window.since));
                }
                event_history::search(self.aws, &subject, window).await
            }
            None => History::unsearched("the role's ARN is not known"),
        }
    }

    /// The services whose management events may hold refusals of what is needed, for connectors whose
    /// sessions have no fixed names. Calls on S3 objects are data events, which event history never holds.
    fn stand_ins(&self, target: &Target) -> BTreeSet<String> {
        let connectors = self.catalog.connectors.iter().filter(|_| target.connectors.is_empty());
        let unnamed = connectors.filter(|it| it.sessions.iter().any(|name| name.contains('*')));
        let actions = unnamed.flat_map(|connector| &connector.needs).map(|need| &need.action);
        let services = actions.filter_map(|action| action.split_once(':')).map(|(service, _)| service);
        // S3 records calls on objects in trails alone.
        let services = services.filter(|service| *service != "s3");
        services.map(|service| format!("{service}.amazonaws.com")).collect()
    }

    fn subject(&self, facts: &Facts, purposes: BTreeSet<Purpose>) -> Option<Subject> {
        let account = own_account(facts)?;
        let bucket_region = |bucket: &Bucket| bucket.head.known().map(|head| head.region.clone());
        let buckets: Vec<(String, String)> = facts
            .buckets
            .iter()
            .filter_map(|(name, bucket)| Some((name.clone(), bucket_region(bucket)?)))
            .collect();
        let region =
            facts.target.region.clone().or_else(|| buckets.first().map(|(_, region)| region.clone()));
        let boundary = facts.role.known().and_then(|role| role.boundary.clone());
        let attached = facts.attached_policies.known().into_iter().flatten().map(|policy| policy.arn.clone());
        let policies: BTreeSet<Arn> = attached.chain(boundary).filter(|arn| arn.account() != "aws").collect();
        let connectors = facts.target.connectors.iter();
        let connectors = connectors.filter_map(|it| self.catalog.connector(&it.connector));
        let mut sessions: Vec<String> = connectors.flat_map(|connector| connector.sessions.clone()).collect();
        sessions.extend(self.catalog.vendor.session_names.iter().cloned());
        let sources = sources(self.catalog, facts);
        let uses_catalog = sources.contains("glue.amazonaws.com");
        let mut seen = BTreeSet::new();
        sessions.retain(|name| seen.insert(name.clone()));
        let role: Arn = role_arn(facts, &account).parse().ok()?;
        let region = region.unwrap_or_else(|| self.aws.region().to_owned());
        let (session_regions, call_regions) = if self.settings.regions.is_empty() {
            let of_buckets = buckets.iter().map(|(_, region)| region.clone());
            let calls = of_buckets.chain([region.clone()]).collect();
            (BTreeSet::from([region, global(&role).to_owned()]), calls)
        } else {
            (self.settings.regions.clone(), self.settings.regions.clone())
        };
        Some(Subject {
            stand_ins: self.stand_ins(&facts.target),
            catalog_region: facts.target.region.clone().filter(|_| uses_catalog),
            databases: self.plan.databases.keys().cloned().collect(),
            role,
            session_regions,
            call_regions,
            key_regions: key_entries(facts).map(|entry| entry.region().to_owned()).collect(),
            buckets,
            policies: policies.iter().map(ToString::to_string).collect(),
            vendor: self.catalog.vendor.account.to_string(),
            sessions,
            sources,
            purposes,
        })
    }
}

/// Services whose event history is searched as a whole: those that connectors call in sessions whose names
/// are made up each time, or are not known. S3's calls on objects are not in event history.
fn sources(catalog: &Catalog, facts: &Facts) -> BTreeSet<String> {
    let connectors = facts.target.connectors.iter().filter_map(|it| catalog.connector(&it.connector));
    let unnamed = connectors.filter(|it| it.sessions.iter().all(|name| name.contains('*')));
    let services: BTreeSet<&str> =
        unnamed.flat_map(|it| &it.needs).filter_map(|need| need.action.split(':').next()).collect();
    let has_key = key_entries(facts).next().is_some();
    let searched = ["glue", "redshift", "redshift-data", "redshift-serverless"]
        .into_iter()
        .filter(|it| services.contains(it));
    let governs = services.contains("glue").then_some("lakeformation");
    let key = (has_key && services.contains("kms")).then_some("kms");
    searched.chain(governs).chain(key).map(|service| format!("{service}.amazonaws.com")).collect()
}

/// The history without changes of keys that are not the target's, now that its keys are known.
pub(super) fn of_own_keys(mut history: History, facts: &Facts) -> History {
    event_history::keep_keys(&mut history, &encryption::customer_keys(facts));
    history
}
