//! The rows that a query of CloudTrail Lake or Athena answers with.

use std::collections::BTreeMap;

use super::archive::Searched;
use crate::collect::progress::Search;
use crate::denials::event_of_row;
use crate::trail::{Event, Problem, ProblemKind};

/// Hands on the events of rows, and notes at the end how many rows held none.
pub(super) struct Rows<'a> {
    sink: &'a mut (dyn FnMut(Event) + Send),
    searched: &'a mut Searched,
    unreadable: u64,
}

impl<'a> Rows<'a> {
    /// None yet.
    pub(super) fn new(sink: &'a mut (dyn FnMut(Event) + Send), searched: &'a mut Searched) -> Self {
        Self { sink, searched, unreadable: 0 }
    }

    /// Takes a row, by the names of its columns in lower case.
    pub(super) fn take(&mut self, row: &BTreeMap<String, String>) {
        self.searched.looked.records += 1;
        match event_of_row(row) {
            Some(event) => {
                self.searched.looked.see_time(event.event_time);
                (self.sink)(event);
            }
            None => self.unreadable += 1,
        }
    }

    /// How far the reading is.
    pub(super) fn told(&self) -> Search {
        Search::Rows { read: self.searched.looked.records }
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        if self.unreadable > 0 {
            let kind = ProblemKind::UnreadableRecords { count: self.unreadable };
            let file = self.searched.place.clone();
            self.searched.looked.problems.push(Problem { file, kind, records_kept: 0 });
        }
    }
}
