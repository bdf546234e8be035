//! What stays as it is within names: words that the doctor itself asks about, and what is the vendor's.

use std::collections::{BTreeMap, BTreeSet};

use super::Kept;
use crate::model::edit_distance;

/// Whole names, between two slashes or colons, with which the doctor itself asks: the folders and files of
/// Iceberg, what stands for any object, table or principal.
const ASKED: [&str; 10] = [
    "00000-0-streamkap-doctor-probe-00001.parquet",
    "00000-streamkap-doctor-probe.metadata.json",
    "data",
    "installer",
    "metadata",
    "of-streamkaps-own-role",
    "service-role",
    "snap-0-1-streamkap-doctor-probe.avro",
    "streamkap-doctor-probe",
    "streamkap-doctor-probe-m0.avro",
];

/// Whole names that are AWS's words: for principals of Lake Formation, and paths of its own roles.
const WORDS: [&str; 5] =
    ["EVERYONE", "IAMPrincipals", "IAM_ALLOWED_PRINCIPALS", "aws-reserved", "aws-service-role"];

/// Beginnings of names: kinds of unique ids, and AWS's own roles.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes>
const UNIQUE_IDS: [&str; 8] = ["AGPA", "AIDA", "AIPA", "AKIA", "ANPA", "AROA", "ASCA", "ASIA"];
const ROLE_ID: &str = "AROA";
const AWS_ROLES: &str = "AWSServiceRoleFor";

/// The end of the folder of a Glue database.
const DATABASE: &str = ".db";

/// Folders whose near misses the doctor tells.
const FOLDERS: [&str; 2] = ["data", "metadata"];

/// How far an account or a role of the vendor's may be mistyped and still be told as meant.
const ACCOUNT_DISTANCE: usize = 3;
const ROLE_DISTANCE: usize = 4;

/// What stays.
#[derive(Debug)]
pub(super) struct Keep {
    /// Whole names with which the doctor asks.
    asked: BTreeSet<String>,
    /// Names of policies that AWS made.
    policies: BTreeSet<String>,
    /// Beginnings of names with which the doctor asks.
    beginnings: Vec<String>,
    accounts: Vec<String>,
    roles: Vec<String>,
    /// Values that connector files offer, by parameter.
    pub(super) choices: BTreeMap<String, BTreeSet<String>>,
    /// The name of the role, which does not stay.
    pub(super) role: String,
}

impl Keep {
    /// What stays in the facts of a role.
    pub(super) fn of(kept: &Kept, role: &str) -> Self {
        let (begin, whole): (Vec<&String>, Vec<&String>) =
            kept.sessions.iter().partition(|name| name.ends_with('*'));
        let begin = begin.into_iter().map(|name| name.trim_end_matches('*').to_owned());
        let asked = ASKED.map(str::to_owned).into_iter();
        Self {
            asked: asked.chain(whole.into_iter().cloned()).chain(kept.roles.iter().cloned()).collect(),
            policies: BTreeSet::new(),
            beginnings: begin.filter(|it| !it.is_empty()).collect(),
            accounts: kept.accounts.clone(),
            roles: kept.roles.clone(),
            choices: kept.choices.clone(),
            role: role.to_owned(),
        }
    }

    /// Names of policies that AWS made stay whole.
    pub(super) fn add_policies(&mut self, names: BTreeSet<String>) {
        self.policies = names;
    }

    /// How many bytes of a name stay at its beginning and at its end.
    pub(super) fn ends(&self, name: &str) -> (usize, usize) {
        let same_role = || self.roles.iter().any(|role| role.eq_ignore_ascii_case(name));
        let is_word = self.asked.contains(name)
            || self.policies.contains(name)
            || WORDS.iter().any(|word| word.eq_ignore_ascii_case(name));
        if is_word || same_role() || is_number(name) && self.is_near_account(name) {
            return (name.len(), 0);
        }
        let host = host(name);
        if host > 0 {
            return (0, host);
        }
        let mut beginnings = self.beginnings.iter().map(String::as_str).chain([AWS_ROLES]);
        let head = beginnings.find(|it| name.starts_with(it)).map_or(0, str::len);
        let head = if is_unique_id(name) { 4 } else { head };
        // The folder of a database is made of the database's name.
        if let Some(database) = name.strip_suffix(DATABASE) {
            let (head, tail) = self.ends(database);
            return (head, tail + DATABASE.len());
        }
        (head, 0)
    }

    /// Whether an account is a vendor's, or was meant to be: digits swapped, missing or too many, or
    /// written with dashes.
    pub(super) fn is_near_account(&self, text: &str) -> bool {
        let plain: String = text.chars().filter(|it| !matches!(it, '-' | ' ' | '_')).collect();
        let near = |id: &String| [text, &plain].iter().any(|it| edit_distance(it, id) <= ACCOUNT_DISTANCE);
        (9..=24).contains(&text.len()) && self.accounts.iter().any(near)
    }

    /// Whether a name was meant to be one of the vendor's principals.
    pub(super) fn is_near_role(&self, part: &str) -> bool {
        let name = part.trim_end_matches(['/', ':']).trim().to_lowercase();
        let near = |role: &String| {
            let role = role.to_lowercase();
            edit_distance(&name, &role) <= ROLE_DISTANCE || name.contains(role.get(..12).unwrap_or(&role))
        };
        edit_distance(&name, "root") <= 1 || self.roles.iter().any(near)
    }

    /// The length of a word at the start of a text by which the vendor is told: its name, its account, or how
    /// its role begins.
    pub(super) fn telling(&self, text: &str) -> usize {
        let roles = self.roles.iter().map(|role| role.get(..12).unwrap_or(role));
        let words = self.accounts.iter().map(String::as_str).chain(["streamkap"]).chain(roles);
        let begins = |word: &&str| text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        words.filter(begins).map(str::len).max().unwrap_or(0)
    }

    /// The words that a pattern may match in part, with `|` where a name has to begin or end.
    pub(super) fn partial(&self) -> Vec<String> {
        let words = self.asked.iter().chain(&self.accounts).map(|word| format!("|{word}|"));
        let beginnings = self.beginnings.iter().map(String::as_str).chain([ROLE_ID]);
        let beginnings = beginnings.map(|word| format!("|{word}"));
        let databases = FOLDERS.map(|folder| format!("|{folder}{DATABASE}|")).into_iter();
        words.chain(beginnings).chain(databases).chain([format!("{DATABASE}|")]).collect()
    }

    /// The letters, in lower case, of folders of Iceberg that some name nearly is: they have to stay for it
    /// to be nearly one after.
    pub(super) fn letters_of_near_misses<'t>(names: impl Iterator<Item = &'t str>) -> BTreeSet<char> {
        let mut letters = BTreeSet::new();
        for name in names {
            for folder in FOLDERS {
                let lower = name.to_ascii_lowercase();
                if name != folder && edit_distance(&lower, folder) <= 1 {
                    letters.extend(folder.chars());
                }
            }
        }
        letters
    }
}

/// `AROA…` and its kind, or a pattern of such.
fn is_unique_id(name: &str) -> bool {
    let written = |it: u8| it.is_ascii_uppercase() || it.is_ascii_digit() || matches!(it, b'*' | b'?');
    UNIQUE_IDS.iter().any(|kind| name.starts_with(kind))
        && name.bytes().all(written)
        && (name.len() >= 16 || name.contains(['*', '?']))
}

/// An account id, be it with too few digits or with dashes, and no pattern of such.
fn is_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b' ' | b'_'))
}

/// The length of what is AWS's at the end of a host's name: `s3.eu-west-1.amazonaws.com`; 0: it is no host
/// of AWS.
fn host(name: &str) -> usize {
    let bare = name.strip_suffix(".cn").unwrap_or(name);
    let Some(domain) = bare.strip_suffix(".amazonaws.com") else { return 0 };
    let mut stays = name.len() - domain.len();
    let mut service = false;
    for (at, label) in domain.rsplit('.').enumerate() {
        let known = is_region(label) || !std::mem::replace(&mut service, true);
        if !known || !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            break;
        }
        stays += label.len() + usize::from(at > 0);
    }
    stays
}

/// Whether a text has the form of a region: `eu-west-1`, `us-gov-east-1`.
pub(super) fn is_region(text: &str) -> bool {
    let mut words = text.split('-');
    let number =
        words.next_back().is_some_and(|it| it.len() == 1 && it.bytes().all(|it| it.is_ascii_digit()));
    let words: Vec<&str> = words.collect();
    let letters = words.iter().all(|it| it.len() >= 2 && it.bytes().all(|it| it.is_ascii_lowercase()));
    number && letters && (2..=4).contains(&words.len()) && words[0].len() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep() -> Keep {
        let kept = Kept {
            accounts: vec!["300973880807".to_owned()],
            sessions: vec!["iceberg-aws-*".to_owned()],
            roles: vec!["kafkaConnectTenantAccessRole".to_owned()],
            choices: BTreeMap::new(),
        };
        Keep::of(&kept, "r")
    }

    #[test]
    fn what_stays_of_a_name() {
        let keep = keep();
        let long = "kafkaconnecttenantaccessrole";
        for (name, ends) in [
            ("data", (4, 0)),
            ("metadata", (8, 0)),
            ("database", (0, 0)),
            ("sales.db", (0, 3)),
            (".db", (0, 3)),
            ("data.db", (4, 3)),
            ("iam_allowed_principals", (22, 0)),
            ("iceberg-aws-1", (12, 0)),
            ("AROAEXAMPLEROLEID0001", (4, 0)),
            ("AROAEX*", (4, 0)),
            ("AROAD", (0, 0)),
            ("300973880807", (12, 0)),
            ("111122223333", (0, 0)),
            (long, (long.len(), 0)),
            ("sso.amazonaws.com", (0, 17)),
            ("acme.s3.eu-west-1.amazonaws.com", (0, 26)),
            ("analytics.abc123.eu-west-1.redshift.amazonaws.com", (0, 32)),
            ("sqs.cn-north-1.amazonaws.com.cn", (0, 31)),
        ] {
            assert_eq!(keep.ends(name), ends, "{name}");
        }
    }

    #[test]
    fn regions_are_told_by_their_form() {
        for region in ["eu-west-1", "us-gov-east-1", "ap-southeast-5"] {
            assert!(is_region(region), "{region}");
        }
        for other in ["orders-1", "eu-west", "eu-west-10", "acme-eu-west-1", "a-b-1"] {
            assert!(!is_region(other), "{other}");
        }
    }
}
