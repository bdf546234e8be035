//! Who assumes the role for the target's connectors: Streamkap, and the installer of what is installed.

use crate::checks::View;
use crate::model::Arn;

use super::words;

/// Who assumes the role, as ARNs; the root of an account stands for whoever is in it.
///
/// Of connectors that name different callers each has to get in. Where one of them is called for by
/// Streamkap alone, that is who must be trusted: Streamkap can do an installer's work, not the reverse.
pub(crate) fn callers(view: &View<'_>) -> Vec<Arn> {
    let own = || view.vendor().principals.iter().map(|it| it.arn.clone()).collect();
    if view.connectors().any(|(_, connector)| connector.principals.is_empty()) {
        return own();
    }
    let named = view.connectors().flat_map(|(_, connector)| &connector.principals);
    let named = words::unique(named.cloned());
    if named.is_empty() { own() } else { named }
}

/// The accounts of the callers, each once.
pub(crate) fn accounts(view: &View<'_>) -> Vec<String> {
    words::unique(callers(view).iter().map(|arn| arn.account().to_owned()))
}

/// Whether an account is one of the installer's.
pub(crate) fn is_installer(view: &View<'_>, account: &str) -> bool {
    view.vendor().byoc.accounts.iter().any(|known| known.as_str() == account)
}

/// An account that calls, in words: `Streamkap's account 300973880807`.
pub(crate) fn in_words(view: &View<'_>, account: &str) -> String {
    if is_installer(view, account) {
        return format!("account {account} of {}", view.vendor().byoc.installer);
    }
    format!("Streamkap's account {account}")
}
