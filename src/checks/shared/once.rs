//! What several checks work out of the same facts, worked out once for all of them.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::facts::FactId;
use crate::model::Blocked;
use crate::requirement::Requirement;

use super::needs::Ask;
use super::policies::RolePolicies;
use super::standing::Standings;

/// A value with the facts that were read for it: whoever takes it has read them.
pub(crate) type Noted<T> = OnceCell<(T, BTreeSet<FactId>)>;

/// The values, each as soon as the first check asks for it.
#[derive(Default)]
pub(crate) struct Once<'a> {
    /// What the connectors need.
    pub requirements: Noted<Rc<Vec<Requirement<'a>>>>,
    /// The questions that they put.
    pub asks: Noted<Result<Rc<Vec<Ask<'a>>>, Blocked>>,
    /// The role's own policies, compiled.
    pub policies: Noted<Rc<RolePolicies>>,
    /// How they stand to the questions.
    pub standings: Noted<Result<Rc<Standings<'a>>, Blocked>>,
}
