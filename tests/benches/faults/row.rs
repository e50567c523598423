//! One line of the table.

use serde_json::{Value, json};

/// What was broken, what was wanted, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) wanted: &'static str,
    pub(crate) found: String,
    pub(crate) reached: bool,
    pub(crate) figures: Value,
}

impl Row {
    /// The part did not come to its end.
    pub(crate) fn broken(why: &anyhow::Error) -> Self {
        let found = format!("{why:#}");
        let figures = json!({ "error": found });
        Self { what: "did not come to its end", wanted: "an end", found, reached: false, figures }
    }

    pub(crate) fn print(&self, name: &str) {
        let mark = if self.reached { "reached" } else { "MISSED" };
        println!("{name:>4}  {mark:<8} {}", self.what);
        println!("      wanted   {}", self.wanted);
        println!("      found    {}", self.found);
    }
}
