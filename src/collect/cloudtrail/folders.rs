//! The day folders of a trail's bucket that a search needs.
//!
//! Layout: `[prefix/]AWSLogs/[o-…/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/`.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>

use std::collections::BTreeSet;

use aws_sdk_s3::Client;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::archive::{asked, endless, problem};
use crate::collect::client::Aws;
use crate::collect::operations::LIST_OBJECTS;
use crate::collect::pages::Pages;
use crate::denials::{RoleFilter, Scope};
use crate::model::Blocked;
use crate::trail::Coverage;

/// Days back when nobody says since when: as far as event history goes.
const DAYS: i64 = 90;
/// Days of a window that are looked into without asking whether there is a folder of them.
const FEW_DAYS: usize = 120;

/// The folders in which log files may be, the likeliest first. A trail's prefix that ends with `AWSLogs` may be
/// meant as that folder itself.
pub(super) fn roots(prefix: Option<&str>) -> Vec<String> {
    let prefix = prefix.map(|prefix| prefix.trim_matches('/')).filter(|prefix| !prefix.is_empty());
    let Some(prefix) = prefix else { return vec!["AWSLogs/".to_owned()] };
    let below = format!("{prefix}/AWSLogs/");
    if prefix.rsplit('/').next() == Some("AWSLogs") { vec![below, format!("{prefix}/")] } else { vec![below] }
}

/// A search of a bucket's folders.
pub(super) struct Folders<'a> {
    pub(super) aws: &'a Aws<'a>,
    pub(super) client: &'a Client,
    pub(super) bucket: &'a str,
    pub(super) prefix: Option<&'a str>,
    pub(super) scope: &'a Scope,
    pub(super) now: Timestamp,
}

/// The folder of an account's or a region's logs.
struct Folder {
    path: String,
    name: String,
}

impl Folders<'_> {
    /// The day folders of all accounts and regions that are wanted. What is missing goes into `looked`.
    pub(super) async fn days(&self, looked: &mut Coverage) -> Vec<String> {
        let mut accounts = self.accounts(looked).await;
        let wanted = self.wanted_accounts();
        accounts.retain(|account| wanted.is_empty() || wanted.contains(&account.name));
        self.tell_missing(looked, "account", &wanted, &accounts);
        let listed = join_all(accounts.iter().map(|account| self.within(&account.path))).await;
        let mut regions = Vec::new();
        for (account, listed) in accounts.iter().zip(listed) {
            regions.extend(self.read(looked, &account.path, listed));
        }
        let wanted = &self.scope.regions;
        regions.retain(|region| wanted.is_empty() || wanted.contains(&region.name));
        if !accounts.is_empty() {
            self.tell_missing(looked, "region", wanted, &regions);
        }
        let days = self.window();
        if days.len() <= FEW_DAYS {
            let of =
                |region: &Folder| days.iter().map(|day| format!("{}{day}/", region.path)).collect::<Vec<_>>();
            return regions.iter().flat_map(of).collect();
        }
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Vec::new() };
        // Years, then months, then days: only those that there are.
        let mut open = regions;
        for length in ["yyyy".len(), "yyyy/mm".len(), "yyyy/mm/dd".len()] {
            let listed = join_all(open.iter().map(|folder| self.within(&folder.path))).await;
            let mut next = Vec::new();
            for (folder, listed) in open.iter().zip(listed) {
                next.extend(self.read(looked, &folder.path, listed));
            }
            let bounds = (first.get(..length), last.get(..length));
            next.retain(|folder| {
                let path = folder.path.trim_end_matches('/');
                let date = path.get(path.len().saturating_sub(length)..);
                bounds.0 <= date && date <= bounds.1
            });
            open = next;
        }
        open.into_iter().map(|folder| folder.path).collect()
    }

    /// The `CloudTrail` folders of all accounts. An organisation's trail has one more level, `o-…`.
    async fn accounts(&self, looked: &mut Coverage) -> Vec<Folder> {
        let mut accounts = Vec::new();
        let mut open = roots(self.prefix);
        for _ in 0..2 {
            let levels = join_all(open.iter().map(|root| self.within(root))).await;
            let mut next = Vec::new();
            for (root, level) in open.iter().zip(levels) {
                for Folder { path, name } in self.read(looked, root, level) {
                    if name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit()) {
                        accounts.push(Folder { path: format!("{path}CloudTrail/"), name });
                    } else if name.starts_with("o-") {
                        next.push(path);
                    }
                }
            }
            open = next;
        }
        accounts
    }

    /// The accounts asked for; else the role's own, in whose trail its calls are recorded; else none in
    /// particular.
    fn wanted_accounts(&self) -> BTreeSet<String> {
        match (&self.scope.role, self.scope.accounts.is_empty()) {
            (Some(RoleFilter::Arn(role)), true) => BTreeSet::from([role.account().to_owned()]),
            _ => self.scope.accounts.clone(),
        }
    }

    /// Says which of the wanted have no folder; where none is wanted in particular, that there is none at all.
    fn tell_missing(&self, looked: &mut Coverage, what: &str, wanted: &BTreeSet<String>, found: &[Folder]) {
        let place = self.place(&roots(self.prefix)[0]);
        for name in wanted.iter().filter(|name| found.iter().all(|folder| folder.name != **name)) {
            looked.misses(&place, format!("there is no folder of the {what} {name}"));
        }
        if wanted.is_empty() && found.is_empty() {
            looked.misses(&place, format!("there is no folder of any {what}"));
        }
    }

    /// `2026/03/02` of every day of the window and, since folders are named by the day of delivery,
    /// of the one after it.
    fn window(&self) -> Vec<String> {
        let until = self.scope.window.until.unwrap_or(self.now).min(self.now);
        let earliest = until.checked_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(until);
        let mut day = self.scope.window.since.unwrap_or(earliest);
        let last = until.checked_add(SignedDuration::from_hours(24)).unwrap_or(until);
        let name = |time: Timestamp| time.strftime("%Y/%m/%d").to_string();
        let mut days = Vec::new();
        while name(day) <= name(last) {
            days.push(name(day));
            match day.checked_add(SignedDuration::from_hours(24)) {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        days
    }

    fn place(&self, path: &str) -> String {
        format!("s3://{}/{path}", self.bucket)
    }

    /// What was listed, or nothing and a problem.
    fn read(&self, looked: &mut Coverage, path: &str, listed: Result<Vec<Folder>, Blocked>) -> Vec<Folder> {
        listed.unwrap_or_else(|blocked| {
            looked.problems.push(problem(&self.place(path), &blocked));
            Vec::new()
        })
    }

    /// The folders in a folder.
    async fn within(&self, root: &str) -> Result<Vec<Folder>, Blocked> {
        let (mut folders, mut pages, mut token) = (Vec::new(), Pages::default(), None);
        loop {
            let call = self.client.list_objects_v2().bucket(self.bucket).prefix(root).delimiter("/");
            let page = asked(self.aws, &LIST_OBJECTS, call.set_continuation_token(token).send()).await?;
            let listed = page.common_prefixes().iter().filter_map(|folder| folder.prefix());
            folders.extend(listed.filter_map(|path| {
                let name = path.strip_prefix(root)?.trim_end_matches('/').to_owned();
                Some(Folder { path: path.to_owned(), name })
            }));
            let (named, goes_on) = (page.next_continuation_token(), page.is_truncated());
            let next = pages.next_if(goes_on.unwrap_or(named.is_some()), named);
            token = next.map_err(|_| endless(&LIST_OBJECTS))?;
            if token.is_none() {
                return Ok(folders);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_ends_with_the_folder_of_logs_may_be_that_folder() {
        for (prefix, expected) in [
            (None, &["AWSLogs/"][..]),
            (Some(""), &["AWSLogs/"]),
            (Some("audit"), &["audit/AWSLogs/"]),
            (Some("/audit/x/"), &["audit/x/AWSLogs/"]),
            (Some("AWSLogs"), &["AWSLogs/AWSLogs/", "AWSLogs/"]),
            (Some("audit/AWSLogs/"), &["audit/AWSLogs/AWSLogs/", "audit/AWSLogs/"]),
            (Some("MyAWSLogs"), &["MyAWSLogs/AWSLogs/"]),
        ] {
            assert_eq!(roots(prefix), expected);
        }
    }
}
