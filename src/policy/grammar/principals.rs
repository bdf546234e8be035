//! `Principal` and `NotPrincipal`.

use super::super::clean;
use super::super::document::{Effect, Kind, PrincipalEntry, PrincipalKind, Selector};
use super::super::json::{Member, Node, Value};
use super::super::principal::{Entry, is_unique_id};
use super::super::request::is_account;
use super::{Grammar, last, lasts};

impl Grammar<'_> {
    pub(super) fn principals(
        &mut self,
        statement: &Node,
        members: &[Member],
    ) -> Option<Selector<PrincipalEntry>> {
        let everyone = || PrincipalEntry { kind: PrincipalKind::Everyone, value: "*".to_owned() };
        let Some((negated, node)) = self.one_of(statement, members, ("Principal", "NotPrincipal")) else {
            let missing = last(members, "Principal").is_none() && last(members, "NotPrincipal").is_none();
            return match self.kind {
                Kind::Trust if missing => {
                    self.error(statement, "the statement has no `Principal`");
                    None
                }
                Kind::Resource if missing => {
                    let message = "the statement has no `Principal` and applies to nobody (AWS: Missing required field Principal)";
                    self.refuse(statement, message);
                    None
                }
                Kind::ResourceControl | Kind::Endpoint if missing => {
                    self.warn(statement, "the statement has no `Principal`: taken for everybody");
                    Some(Selector::Any(vec![everyone()]))
                }
                _ => None,
            };
        };
        if self.belongs_to_principal() {
            let name = if negated { "NotPrincipal" } else { "Principal" };
            self.error(node, format!("`{name}` has no place in a policy of this kind"));
            return None;
        }
        let entries = match &node.value {
            Value::String(text) if text == "*" => vec![everyone()],
            Value::String(text) => {
                self.refuse(node, "`Principal` lacks its kind, as in {\"AWS\": …}: AWS does not take it");
                vec![PrincipalEntry { kind: PrincipalKind::Aws, value: text.clone() }]
            }
            Value::Object(kinds) => self.principal_map(kinds),
            other => {
                self.error(
                    node,
                    format!("`Principal` has to be an object or `*`, this is {}", other.in_words()),
                );
                return None;
            }
        };
        Some(if negated { Selector::AllBut(entries) } else { Selector::Any(entries) })
    }

    fn principal_map(&mut self, kinds: &[Member]) -> Vec<PrincipalEntry> {
        let names = ["AWS", "Service", "Federated", "CanonicalUser"];
        self.check_names(kinds, &names, "`Principal`");
        let mut entries = Vec::new();
        for member in lasts(kinds) {
            let kind = match member.key.as_str() {
                "AWS" => PrincipalKind::Aws,
                "Service" => PrincipalKind::Service,
                "Federated" => PrincipalKind::Federated,
                "CanonicalUser" => PrincipalKind::CanonicalUser,
                _ => continue,
            };
            for (node, value) in self.texts(&member.node, &member.key).unwrap_or_default() {
                if kind == PrincipalKind::Aws {
                    self.check_aws_principal(node, value);
                }
                entries.push(PrincipalEntry { kind, value: value.to_owned() });
            }
        }
        entries
    }

    fn check_aws_principal(&mut self, node: &Node, value: &str) {
        let shown = clean(value);
        if value == "*" || is_account(value) {
            return;
        }
        if is_unique_id(value) {
            let message = format!("`{shown}` is the unique id of a principal that has been deleted");
            self.warn(node, message);
        } else if value.contains(['*', '?']) {
            self.warn(node, format!("the principal `{shown}` has a wildcard in it, which AWS does not take"));
        } else if Entry::compile(&PrincipalEntry { kind: PrincipalKind::Aws, value: value.to_owned() })
            == Entry::Nobody
        {
            self.warn(node, format!("the principal `{shown}` is malformed and matches nobody"));
        }
    }

    pub(super) fn check_not_principal(&mut self, node: &Node, effect: Effect) {
        if self.kind == Kind::Trust {
            self.warn(node, "AWS no longer takes `NotPrincipal` in a trust policy");
        } else if effect == Effect::Allow {
            self.warn(node, "`NotPrincipal` with `Allow` allows everybody else, which AWS no longer takes");
        }
    }
}
