//! The `denials` command's pure part: what was denied, what that means, and what could not be seen.
//!
//! Sources are read in `collect/cloudtrail`; what they bring is put together here, verified against
//! the policies as they are now, and explained.

mod answer;
mod explain;
mod gather;
mod look;
mod page;
mod pasted;
mod scope;
mod selector;
mod source;
mod sql;
mod table;
mod text;
mod verify;
mod words;

pub use answer::{Answer, Denied, Question, SCHEMA_VERSION, Searched, Window};
pub use explain::{Meaning, explain};
pub use gather::{Gathered, Outcome};
pub use pasted::{Pasted, PastedDenial};
pub use scope::{RoleFilter, Scope};
pub use selector::{Kind, Logged, selector_to_add};
pub use source::{Offer, SourceKind, Verdict, choose, compare};
pub use sql::{COLUMNS, Partitions, athena_query, event_of_row, lake_query};
pub use table::{TableLayout, TableName, TableNameError, athena_ddl};
pub use text::{short, short_pasted, table, table_pasted, told};
pub use verify::{Verification, verify};
