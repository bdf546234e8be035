//! How long a policy may be: a document that AWS would refuse for its size is not shown as a fix.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html>,
//! <https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html>,
//! <https://docs.aws.amazon.com/glue/latest/webapi/API_PutResourcePolicy.html>

use serde_json::Value;

use super::Plan;
use super::document::size;
use crate::facts::Facts;
use crate::model::{Change, PolicyHome};

/// A managed policy, in characters without white space.
pub(super) const MANAGED: usize = 6_144;
/// All policies embedded in a role together, likewise.
pub(super) const INLINE: usize = 10_240;
/// A trust policy, likewise, and how far the quota can be raised.
const TRUST: usize = 2_048;
const TRUST_RAISED: usize = 4_096;
/// Managed policies attached to a role, and how far the quota can be raised.
const ATTACHED: usize = 10;
const ATTACHED_RAISED: usize = 20;
/// Policies of buckets, keys and the Data Catalog, in bytes with white space.
const BUCKET: usize = 20 * 1024;
const KEY: usize = 32 * 1024;
const CATALOG: usize = 10 * 1024;

/// The plans, if AWS would take every document; otherwise why it would not. A document that is too long
/// only by its layout loses that.
pub(super) fn fit(mut plans: Vec<Plan>, facts: &Facts) -> Result<Vec<Plan>, String> {
    let several = plans.len() > 1;
    let mut after = several.then(|| facts.clone());
    for plan in &mut plans {
        fit_one(&mut plan.change, after.as_ref().unwrap_or(facts))?;
        after = after.map(|facts| plan.apply(&facts));
    }
    Ok(plans)
}

fn fit_one(change: &mut Change, facts: &Facts) -> Result<(), String> {
    if matches!(change, Change::AttachPolicy { .. }) {
        return attachable(facts);
    }
    let Change::SetPolicy { home, before, after } = change else { return Ok(()) };
    match home {
        PolicyHome::Managed { .. } => {
            let hint = "move statements into another policy";
            letters("the managed policy", size(after), MANAGED, hint)
        }
        PolicyHome::Inline { name, .. } => {
            let others = inline_size(facts, name);
            let hint = "put the statements into a managed policy and attach it";
            letters("the role's embedded policies together", others + size(after), INLINE, hint)
        }
        PolicyHome::Trust { .. } => {
            let raised = before.as_deref().is_some_and(|before| size(before) > TRUST);
            let limit = if raised { TRUST_RAISED } else { TRUST };
            let hint = "take out statements that are no longer needed, or have the quota raised to 4,096";
            letters("the trust policy", size(after), limit, hint)
        }
        PolicyHome::Bucket { .. } => bytes("the bucket policy", after, BUCKET),
        PolicyHome::Key { .. } => bytes("the key policy", after, KEY),
        PolicyHome::Catalog { .. } => bytes("the Data Catalog's policy", after, CATALOG),
    }
}

/// Whether one more managed policy can be attached. A role that has more than usual shows a raised quota.
fn attachable(facts: &Facts) -> Result<(), String> {
    let attached = facts.attached_policies.known().map_or(0, Vec::len);
    let limit = if attached > ATTACHED { ATTACHED_RAISED } else { ATTACHED };
    if attached < limit {
        return Ok(());
    }
    Err(format!(
        "the role has {attached} managed policies attached, and AWS takes {limit} at most: detach one that is no \
         longer needed, or have the quota raised"
    ))
}

/// The size of the role's embedded policies, one left out.
pub(super) fn inline_size(facts: &Facts, but: &str) -> usize {
    let documents = facts.inline_policies.iter().filter(|(name, _)| *name != but);
    documents.filter_map(|(_, document)| document.known()).map(|document| size(document)).sum()
}

fn letters(what: &str, found: usize, limit: usize, hint: &str) -> Result<(), String> {
    if found <= limit {
        return Ok(());
    }
    Err(format!("{what} would have {found} characters, and AWS takes {limit} at most: {hint}"))
}

fn bytes(what: &str, document: &mut String, limit: usize) -> Result<(), String> {
    if document.len() <= limit {
        return Ok(());
    }
    let compact =
        serde_json::from_str::<Value>(document).map_or_else(|_| document.clone(), |it| it.to_string());
    if compact.len() > limit {
        return Err(format!(
            "{what} would have {} bytes, and AWS takes {limit} at most: join statements or take out some",
            compact.len()
        ));
    }
    *document = compact;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Fact;
    use crate::model::Owner;

    fn fitted(home: PolicyHome, before: Option<String>, after: String) -> Result<String, String> {
        let facts = crate::demo::facts("healthy").unwrap();
        let change = Change::SetPolicy { home, before, after };
        let plans = fit(vec![Plan::new("t".to_owned(), Owner::You, change)], &facts)?;
        match plans.into_iter().next().unwrap().change {
            Change::SetPolicy { after, .. } => Ok(after),
            _ => unreachable!(),
        }
    }

    /// A policy with this many visible characters, and white space that does not count.
    fn of(visible_characters: usize) -> String {
        let frame = r#"{"Statement":[""]}"#.len();
        format!("{{ \"Statement\": [\n \"{}\" ] }}", "a".repeat(visible_characters - frame))
    }

    #[test]
    fn iam_s_limits_do_not_count_white_space() {
        let managed = || PolicyHome::Managed { arn: "arn:aws:iam::111122223333:policy/P".to_owned() };
        assert!(fitted(managed(), None, of(6_144)).is_ok());
        assert!(fitted(managed(), None, of(6_145)).unwrap_err().contains("6145 characters"));
        let inline = || PolicyHome::Inline { role: "R".to_owned(), name: "P".to_owned() };
        assert!(fitted(inline(), None, of(10_240)).is_ok());
        assert!(fitted(inline(), None, of(10_241)).is_err());
    }

    #[test]
    fn embedded_policies_count_together() {
        let mut facts = crate::demo::facts("healthy").unwrap();
        facts.inline_policies.insert("Other".to_owned(), Fact::Known(of(10_000)));
        let home = PolicyHome::Inline { role: "R".to_owned(), name: "P".to_owned() };
        let change = Change::SetPolicy { home, before: None, after: of(300) };
        let plans = vec![Plan::new("t".to_owned(), Owner::You, change)];
        assert!(fit(plans, &facts).unwrap_err().contains("10300 characters"));
    }

    #[test]
    fn an_eleventh_policy_is_not_attached() {
        let attach = || {
            let policy_arn = "arn:aws:iam::111122223333:policy/One-more".to_owned();
            vec![Plan::new(
                "t".to_owned(),
                Owner::You,
                Change::AttachPolicy { role: "R".to_owned(), policy_arn },
            )]
        };
        let policy = |number: usize| crate::facts::AttachedPolicy {
            name: format!("P{number}"),
            arn: format!("arn:aws:iam::111122223333:policy/P{number}").parse().unwrap(),
        };
        let mut facts = crate::demo::facts("healthy").unwrap();
        for (attached, fits) in [(9, true), (10, false), (11, true), (20, false)] {
            facts.attached_policies = Fact::Known((0..attached).map(policy).collect());
            assert_eq!(fit(attach(), &facts).is_ok(), fits, "{attached}");
        }
    }

    #[test]
    fn a_trust_policy_that_is_longer_than_usual_shows_a_raised_quota() {
        let trust = || PolicyHome::Trust { role: "R".to_owned() };
        assert!(fitted(trust(), Some(of(1_000)), of(2_049)).unwrap_err().contains("quota"));
        assert!(fitted(trust(), Some(of(2_100)), of(2_200)).is_ok());
        assert!(fitted(trust(), Some(of(4_000)), of(4_097)).is_err());
    }

    #[test]
    fn a_resource_policy_loses_its_layout_before_it_is_too_long() {
        let bucket = || PolicyHome::Bucket { bucket: "b".to_owned() };
        let laid_out = format!("{}{}", " ".repeat(300), of(20_300));
        assert_eq!(fitted(bucket(), None, laid_out).unwrap().len(), 20_300);
        assert!(fitted(bucket(), None, of(20_481)).unwrap_err().contains("20481 bytes"));
        let key = PolicyHome::Key { arn: "arn:aws:kms:eu-west-1:111122223333:key/k".to_owned() };
        assert!(fitted(key, None, of(32_769)).is_err());
    }
}
