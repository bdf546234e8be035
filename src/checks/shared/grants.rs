//! Grants on KMS keys, which allow beside the key's policy and the role's own: "in a key policy, an IAM
//! policy, or a grant". A statement that denies outweighs them.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/grants.html>

use crate::checks::View;
use crate::facts::{FactId, Grant};
use crate::model::{Blocked, Evidence};

use super::needs::Ask;

/// Whether a grant allows the use of a key.
#[derive(Clone, Debug)]
pub(crate) enum Granted {
    /// One does.
    Yes(Evidence),
    /// It cannot be told.
    Open(Blocked),
    /// None does.
    No,
}

/// Whether a grant on the key, known to [`View::key`] as `entry`, allows what the policies do not.
pub(crate) fn granted(view: &View<'_>, entry: &str, ask: &Ask<'_>) -> Granted {
    let grants = match view.key(entry, FactId::KeyGrants, |it| &it.grants) {
        Ok(grants) => grants.into_iter().flatten(),
        Err(unread) => return Granted::Open(not_read(unread, ask)),
    };
    let operation = ask.action().trim_start_matches("kms:");
    let mut open = None;
    for grant in grants.filter(|grant| grant.operations.iter().any(|it| it == operation)) {
        match (ask.call.sessions.include(&grant.grantee), grant.constrained) {
            (Some(false), _) => {}
            (Some(true), false) => {
                let text = format!("{} is allowed by grant {} on the key", ask.action(), grant.id);
                return Granted::Yes(Evidence::read("kms:ListGrants", text));
            }
            (Some(true), true) => {
                open = open.or(Some((grant, "under an encryption context that is not known")));
            }
            (None, _) => open = open.or(Some((grant, "to a session that may not be one of the connector's"))),
        }
    }
    open.map_or(Granted::No, |(grant, how)| Granted::Open(perhaps(grant, how, ask)))
}

fn perhaps(grant: &Grant, how: &str, ask: &Ask<'_>) -> Blocked {
    Blocked {
        what: format!("whether {} is allowed on the key", ask.action()),
        why: format!("grant {} allows it {how}", grant.id),
        grant: None,
        hint: Some("let the connector write once and read its log".to_owned()),
        concerns: vec![ask.concern()],
    }
}

fn not_read(unread: Blocked, ask: &Ask<'_>) -> Blocked {
    let why = format!("{}; the policies do not allow {}, but a grant might", unread.why, ask.action());
    Blocked { why, ..unread }.about([ask.concern()])
}
