//! From JSON to a policy document, with everything that is wrong on the way.
//!
//! Grammar: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.
//! What AWS surely refuses is an error, or refused where it can be understood nevertheless. Where
//! it may depend on the service it is a warning.

mod principals;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::clean;
use super::diagnostic::{Diagnostic, Weight};
use super::document::{Condition, Document, Effect, Kind, Selector, Statement, Version};
use super::json::{self, Lines, Member, Node, Value};
use super::operator::{Operator, closest};

const STATEMENT_ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// Reads a document of a kind. Statements that make no sense are left out; the diagnostics, in the
/// order of the text, say why.
pub(super) fn read(kind: Kind, text: &str) -> (Option<Document>, Vec<Diagnostic>) {
    let root = match json::parse(text) {
        Ok(root) => root,
        Err(fault) => return (None, vec![fault]),
    };
    let mut grammar = Grammar { kind, lines: Lines::new(text), found: Vec::new(), worst: Weight::Warning };
    let parts = grammar.document(&root);
    let mut diagnostics = grammar.found;
    diagnostics.sort();
    let document = parts.map(|(version, statements)| Document {
        text: text.into(),
        kind,
        version,
        statements,
        warnings: Vec::new(),
    });
    (document, diagnostics)
}

/// How many faults of a document are worth telling.
const ENOUGH: usize = 100;

struct Grammar<'a> {
    kind: Kind,
    lines: Lines<'a>,
    found: Vec<Diagnostic>,
    worst: Weight,
}

impl Grammar<'_> {
    fn error(&mut self, at: &Node, message: impl Into<String>) {
        self.report(Weight::Error, at.span.start, message);
    }

    fn refuse(&mut self, at: &Node, message: impl Into<String>) {
        self.report(Weight::Refused, at.span.start, message);
    }

    fn warn(&mut self, at: &Node, message: impl Into<String>) {
        self.report(Weight::Warning, at.span.start, message);
    }

    fn report(&mut self, weight: Weight, offset: usize, message: impl Into<String>) {
        if self.is_full() && weight >= self.worst {
            return;
        }
        self.worst = self.worst.min(weight);
        self.found.push(self.lines.diagnostic(weight, offset, message));
    }

    fn is_full(&self) -> bool {
        self.found.len() >= ENOUGH
    }

    /// Whether the document belongs to who asks, so that it names no principals.
    fn belongs_to_principal(&self) -> bool {
        matches!(self.kind, Kind::Identity | Kind::Boundary | Kind::Session | Kind::ServiceControl)
    }

    fn document(&mut self, root: &Node) -> Option<(Version, Vec<Statement>)> {
        let Value::Object(members) = &root.value else {
            self.error(root, format!("a policy is an object, this is {}", root.value.in_words()));
            return None;
        };
        self.check_names(members, &["Version", "Id", "Statement"], "a policy");
        let version = last(members, "Version").map_or(Version::V2008, |node| self.version(node));
        if let Some(id) = last(members, "Id") {
            self.text(id, "Id");
        }
        let Some(statement) = last(members, "Statement") else {
            self.error(root, "the policy has no `Statement`");
            return Some((version, Vec::new()));
        };
        let nodes = match &statement.value {
            Value::Array(nodes) => {
                if nodes.is_empty() {
                    self.warn(statement, "`Statement` is empty: the policy does nothing");
                }
                &nodes[..]
            }
            _ => std::slice::from_ref(statement),
        };
        let statements: Vec<Statement> =
            nodes.iter().enumerate().filter_map(|(index, node)| self.statement(index, node)).collect();
        self.check_sids(&statements, nodes);
        Some((version, statements))
    }

    fn version(&mut self, node: &Node) -> Version {
        match &node.value {
            Value::String(text) if text == "2012-10-17" => Version::V2012,
            Value::String(text) if text == "2008-10-17" => Version::V2008,
            Value::String(text) => {
                let message =
                    format!("`Version` is `{}`; it has to be `2012-10-17` or `2008-10-17`", clean(text));
                self.error(node, message);
                Version::V2012
            }
            other => {
                self.error(node, format!("`Version` has to be a string, this is {}", other.in_words()));
                Version::V2012
            }
        }
    }

    /// Names unknown and repeated members.
    fn check_names(&mut self, members: &[Member], known: &[&str], owner: &str) {
        let mut seen = BTreeSet::new();
        for member in members {
            let key = member.key.as_str();
            if !known.contains(&key) {
                let meant = closest(key, known.iter().copied().filter(|_| !self.is_full()))
                    .map(|meant| format!("; did you mean `{meant}`?"))
                    .unwrap_or_default();
                let message = format!("`{}` is not an element of {owner}{meant}", clean(key));
                self.report(Weight::Error, member.key_span.start, message);
            }
            if !seen.insert(key) {
                self.repeated(member);
            }
        }
    }

    fn repeated(&mut self, member: &Member) {
        let message = format!(
            "`{}` is given more than once, which AWS does not take: the last one counts",
            clean(&member.key)
        );
        self.report(Weight::Refused, member.key_span.start, message);
    }

    fn check_sids(&mut self, statements: &[Statement], nodes: &[Node]) {
        let weight = if self.belongs_to_principal() { Weight::Error } else { Weight::Warning };
        let mut seen = BTreeSet::new();
        for statement in statements {
            if let Some(sid) = &statement.sid
                && !seen.insert(sid)
            {
                let start = nodes[statement.index].span.start;
                self.report(weight, start, format!("the `Sid` `{}` is used more than once", clean(sid)));
            }
        }
    }

    fn statement(&mut self, index: usize, node: &Node) -> Option<Statement> {
        let Value::Object(members) = &node.value else {
            self.error(node, format!("a statement is an object, this is {}", node.value.in_words()));
            return None;
        };
        self.check_names(members, &STATEMENT_ELEMENTS, "a statement");
        let sid = self.sid(members);
        let effect = self.effect(node, members);
        let actions = self.actions(node, members);
        let resources = self.resources(node, members);
        let principals = self.principals(node, members);
        let conditions = last(members, "Condition").map_or_else(Vec::new, |node| self.conditions(node));
        let (line, column) = self.lines.place(node.span.start);
        let (end_line, _) = self.lines.place(node.span.end.saturating_sub(1));
        if let (Some(effect), Some(Selector::AllBut(_))) = (effect, &principals) {
            self.check_not_principal(node, effect);
        }
        Some(Statement {
            index,
            sid,
            effect: effect?,
            actions: actions?,
            resources,
            principals,
            conditions,
            line,
            column,
            end_line,
            range: node.span.clone(),
        })
    }

    fn text<'n>(&mut self, node: &'n Node, element: &str) -> Option<&'n str> {
        if let Value::String(text) = &node.value {
            return Some(text);
        }
        self.error(node, format!("`{element}` has to be a string, this is {}", node.value.in_words()));
        None
    }

    fn sid(&mut self, members: &[Member]) -> Option<String> {
        let node = last(members, "Sid")?;
        let sid = self.text(node, "Sid")?;
        let plain = sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plain && matches!(self.kind, Kind::Identity | Kind::Boundary | Kind::Session | Kind::Trust) {
            self.error(node, format!("the `Sid` `{}` may hold letters and digits only", clean(sid)));
        }
        (!sid.is_empty()).then(|| sid.to_owned())
    }

    fn effect(&mut self, statement: &Node, members: &[Member]) -> Option<Effect> {
        let Some(node) = last(members, "Effect") else {
            self.error(statement, "the statement has no `Effect`");
            return None;
        };
        match self.text(node, "Effect")? {
            "Allow" => Some(Effect::Allow),
            "Deny" => Some(Effect::Deny),
            other => {
                let message =
                    format!("`Effect` is `{}`; it has to be `Allow` or `Deny`, so written", clean(other));
                self.error(node, message);
                None
            }
        }
    }

    /// The members of an element and its negation, of which a statement has one.
    fn one_of<'n>(
        &mut self,
        statement: &Node,
        members: &'n [Member],
        names: (&str, &str),
    ) -> Option<(bool, &'n Node)> {
        match (last(members, names.0), last(members, names.1)) {
            (Some(_), Some(_)) => {
                self.error(statement, format!("the statement has both `{}` and `{}`", names.0, names.1));
                None
            }
            (Some(node), None) => Some((false, node)),
            (None, Some(node)) => Some((true, node)),
            (None, None) => None,
        }
    }

    fn actions(&mut self, statement: &Node, members: &[Member]) -> Option<Selector<String>> {
        let given = last(members, "Action").is_some() || last(members, "NotAction").is_some();
        if !given {
            self.error(statement, "the statement has no `Action`");
        }
        let (negated, node) = self.one_of(statement, members, ("Action", "NotAction"))?;
        let values = self.texts(node, if negated { "NotAction" } else { "Action" })?;
        for (at, action) in &values {
            self.check_action(at, action, negated);
        }
        Some(selector(negated, values))
    }

    fn check_action(&mut self, node: &Node, action: &str, negated: bool) {
        let shown = clean(action);
        match action.matches(':').count() {
            0 if !action.is_empty() && action.bytes().all(|byte| matches!(byte, b'*' | b'?')) => {}
            0 => {
                self.error(node, format!("the action `{shown}` has no service prefix, as in `s3:PutObject`"));
            }
            1 if action.contains(char::is_whitespace) || action.contains(',') => {
                self.warn(
                    node,
                    format!("the action `{shown}` has a space or a comma in it and matches nothing"),
                );
            }
            1 if self.kind == Kind::Trust && !is_of_sts(action) => {
                let message = format!(
                    "the action `{shown}` has no meaning in a trust policy (AWS: AssumeRole policy may only \
                     specify STS AssumeRole actions)"
                );
                let weight = if negated { Weight::Warning } else { Weight::Refused };
                self.report(weight, node.span.start, message);
            }
            1 => {}
            _ => self.error(node, format!("the action `{shown}` has more than one colon")),
        }
    }

    fn resources(&mut self, statement: &Node, members: &[Member]) -> Option<Selector<String>> {
        let Some((negated, node)) = self.one_of(statement, members, ("Resource", "NotResource")) else {
            let missing = last(members, "Resource").is_none() && last(members, "NotResource").is_none();
            if missing && self.belongs_to_principal() {
                self.error(statement, "the statement has no `Resource`");
            }
            return None;
        };
        if self.kind == Kind::Trust {
            self.refuse(node, "a trust policy has no resources (AWS: Has prohibited field Resource)");
        }
        let values = self.texts(node, if negated { "NotResource" } else { "Resource" })?;
        for (at, resource) in &values {
            if !resource.starts_with("arn:") && !resource.starts_with(['*', '$']) {
                let weight = if self.belongs_to_principal() { Weight::Error } else { Weight::Warning };
                let message = format!("the resource `{}` is neither an ARN nor `*`", clean(resource));
                self.report(weight, at.span.start, message);
            }
        }
        Some(selector(negated, values))
    }

    /// A string or a list of strings.
    fn texts<'n>(&mut self, node: &'n Node, element: &str) -> Option<Vec<(&'n Node, &'n str)>> {
        let nodes = match &node.value {
            Value::Array(nodes) => {
                if nodes.is_empty() {
                    self.warn(node, format!("`{element}` is empty"));
                }
                &nodes[..]
            }
            _ => std::slice::from_ref(node),
        };
        let mut values = Vec::with_capacity(nodes.len());
        for node in nodes {
            let Value::String(text) = &node.value else {
                let found = node.value.in_words();
                self.error(
                    node,
                    format!("`{element}` has to be a string or a list of strings, this is {found}"),
                );
                return None;
            };
            values.push((node, text.as_str()));
        }
        Some(values)
    }

    fn conditions(&mut self, node: &Node) -> Vec<Condition> {
        let Value::Object(operators) = &node.value else {
            self.error(node, format!("`Condition` has to be an object, this is {}", node.value.in_words()));
            return Vec::new();
        };
        let mut conditions = Vec::new();
        let mut seen = BTreeSet::new();
        for member in operators {
            if !seen.insert(&member.key) {
                self.repeated(member);
            }
        }
        for member in lasts(operators) {
            self.check_operator(member);
            let Value::Object(keys) = &member.node.value else {
                let found = member.node.value.in_words();
                self.error(
                    &member.node,
                    format!("`{}` has to be an object, this is {found}", clean(&member.key)),
                );
                continue;
            };
            let mut seen = BTreeSet::new();
            for key in keys {
                if !seen.insert(key.key.to_ascii_lowercase()) {
                    self.repeated(key);
                }
            }
            for key in lasts(keys) {
                if let Some(condition) = self.condition(&member.key, key) {
                    conditions.push(condition);
                }
            }
        }
        conditions
    }

    fn check_operator(&mut self, member: &Member) {
        let (weight, meant) = match Operator::spelling(&member.key) {
            Some(spelling) if spelling == member.key => return,
            Some(spelling) => (Weight::Refused, Some(spelling.into())),
            None if self.is_full() => (Weight::Error, None),
            None => (Weight::Error, Operator::suggestion(&member.key).map(Cow::Borrowed)),
        };
        let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
        let message = format!("`{}` is not a condition operator{meant}", clean(&member.key));
        self.report(weight, member.key_span.start, message);
    }

    fn condition(&mut self, operator: &str, key: &Member) -> Option<Condition> {
        if !key.key.contains(':') {
            let weight = if self.belongs_to_principal() { Weight::Error } else { Weight::Warning };
            let message =
                format!("the condition key `{}` has no prefix, as in `aws:SourceIp`", clean(&key.key));
            self.report(weight, key.key_span.start, message);
        }
        let nodes = match &key.node.value {
            Value::Array(nodes) => {
                if nodes.is_empty() {
                    self.warn(&key.node, format!("`{}` has no values", clean(&key.key)));
                }
                &nodes[..]
            }
            _ => std::slice::from_ref(&key.node),
        };
        let mut values = Vec::with_capacity(nodes.len());
        for node in nodes {
            values.push(match &node.value {
                Value::String(text) | Value::Number(text) => text.clone(),
                Value::Bool(value) => value.to_string(),
                other => {
                    let found = other.in_words();
                    let message =
                        format!("a condition's value is a string, a number or a boolean, this is {found}");
                    self.error(node, message);
                    return None;
                }
            });
        }
        let (line, _) = self.lines.place(key.key_span.start);
        Some(Condition { operator: operator.to_owned(), key: key.key.clone(), values, line })
    }
}

/// The member that counts among those of a name.
fn last<'n>(members: &'n [Member], name: &str) -> Option<&'n Node> {
    members.iter().rev().find(|member| member.key == name).map(|member| &member.node)
}

/// The members that count, in order.
fn lasts(members: &[Member]) -> impl Iterator<Item = &Member> {
    let last: BTreeMap<&str, usize> =
        members.iter().enumerate().map(|(at, member)| (member.key.as_str(), at)).collect();
    members
        .iter()
        .enumerate()
        .filter_map(move |(at, member)| (last.get(member.key.as_str()) == Some(&at)).then_some(member))
}

/// Whether an action of a trust policy can be one of STS's: `*` is left to mean them.
fn is_of_sts(action: &str) -> bool {
    let service = action.split(':').next().unwrap_or_default();
    service.eq_ignore_ascii_case("sts") || service == "*"
}

fn selector(negated: bool, values: Vec<(&Node, &str)>) -> Selector<String> {
    let values = values.into_iter().map(|(_, value)| value.to_owned()).collect();
    if negated { Selector::AllBut(values) } else { Selector::Any(values) }
}
