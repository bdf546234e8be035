//! Condition keys that decide: those that a request lacks, and those that cannot be known.

use std::collections::BTreeSet;

use super::clean;
use super::compiled::Compiled;
use super::condition::Condition;
use super::decision::Hit;
use super::document;
use super::key::Key;
use super::request::Facts;
use super::truth::Truth;

/// What keys that the request does not give could change, were they given.
pub(super) struct Absence<'f> {
    facts: &'f Facts<'f>,
    /// The same with every absent key unknown.
    filled: Facts<'f>,
}

impl<'f> Absence<'f> {
    pub(super) fn of(facts: &'f Facts<'f>) -> Self {
        Self { facts, filled: facts.with_absent_unknown() }
    }

    /// Whether a statement's resource or any of its conditions hangs on an absent key.
    pub(super) fn decides(&self, hit: &Hit<'_>) -> bool {
        self.decides_resource(hit.statement)
            || hit.statement.conditions.iter().any(|condition| self.decides_condition(condition))
    }

    /// Whether a statement fails by nothing but absent keys.
    pub(super) fn fails(&self, hit: &Hit<'_>) -> bool {
        let mut conditions = hit.statement.conditions.iter();
        hit.truth == Truth::No
            && conditions.all(|condition| {
                condition.holds(self.facts) == Truth::Yes || self.decides_condition(condition)
            })
    }

    fn decides_condition(&self, condition: &Condition) -> bool {
        condition.asks_for(|key| self.facts.is_absent(key)) && condition.holds(&self.filled) == Truth::Unknown
    }

    fn decides_resource(&self, statement: &Compiled) -> bool {
        statement.resource_variables().any(|variable| self.facts.is_absent(&variable.key))
            && statement.covers_resource(&self.filled) == Truth::Unknown
    }
}

/// Condition keys as they are written, each once whatever its case.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) written: Vec<String>,
    /// In lower case.
    seen: BTreeSet<String>,
}

impl Keys {
    fn add(&mut self, key: &str) {
        if self.seen.insert(key.to_ascii_lowercase()) {
            self.written.push(clean(key).into_owned());
        }
    }

    /// Adds the keys of a statement that the test picks.
    pub(super) fn add_of(&mut self, hit: &Hit<'_>, pick: impl Fn(&Key) -> bool) {
        for (condition, written) in hit.statement.conditions.iter().zip(&hit.written.conditions) {
            self.add_of_condition(condition, written, &pick);
        }
        self.add_of_resources(hit.statement, &pick);
    }

    /// Adds the absent keys on which a statement hangs.
    pub(super) fn add_absent(&mut self, hit: &Hit<'_>, absence: &Absence<'_>) {
        let is_absent = |key: &Key| absence.facts.is_absent(key);
        for (condition, written) in hit.statement.conditions.iter().zip(&hit.written.conditions) {
            if absence.decides_condition(condition) {
                self.add_of_condition(condition, written, is_absent);
            }
        }
        if absence.decides_resource(hit.statement) {
            self.add_of_resources(hit.statement, is_absent);
        }
    }

    fn add_of_condition(
        &mut self,
        condition: &Condition,
        written: &document::Condition,
        pick: impl Fn(&Key) -> bool,
    ) {
        if pick(condition.key()) {
            self.add(&written.key);
        }
        condition
            .variables()
            .filter(|variable| pick(&variable.key))
            .for_each(|variable| self.add(&variable.written));
    }

    fn add_of_resources(&mut self, statement: &Compiled, pick: impl Fn(&Key) -> bool) {
        let picked = statement.resource_variables().filter(|variable| pick(&variable.key));
        picked.for_each(|variable| self.add(&variable.written));
    }
}
