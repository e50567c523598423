//! One row of an onboarding, as it was read: what it says of its company and of its mailbox, or what is wrong with either.

use crate::input::{Tree, pointer, read_part};
use crate::tenants::NewTenant;

use super::table;
use super::view::{NewCompanyMailbox, RowErrorView};

/// A row.
pub(super) struct Line {
    /// How it is called.
    pub(super) row: u32,
    /// Where it was.
    pub(super) place: Place,
    /// The company's name as sent.
    pub(super) company_name: Option<String>,
    /// The address as sent.
    pub(super) address: Option<String>,
    /// Its company.
    pub(super) company: Option<NewTenant>,
    /// Its mailbox; `None` also when the row is a company alone.
    pub(super) mailbox: Option<NewCompanyMailbox>,
    /// What is wrong with it.
    pub(super) errors: Vec<RowErrorView>,
}

/// Of which part of a row something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Its company.
    Company,
    /// Its mailbox.
    Mailbox,
}

/// Where a row was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a table.
    Table,
    /// In a body, by the places in both lists.
    Body(usize, Option<usize>),
}

impl Place {
    /// Something that is wrong there.
    pub(super) fn error<S: AsRef<str>>(self, part: Part, names: &[S], detail: impl Into<String>) -> RowErrorView {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        let detail = detail.into();
        match self {
            Self::Table => RowErrorView { field: column(part, &names).to_owned(), pointer: None, detail },
            Self::Body(company, mailbox) => {
                let mut way = vec!["companies".to_owned(), company.to_string()];
                if let (Part::Mailbox, Some(mailbox)) = (part, mailbox) {
                    way.extend(["mailboxes".to_owned(), mailbox.to_string()]);
                }
                way.extend(names.iter().map(|name| (*name).to_owned()));
                let whole = if part == Part::Company { "company" } else { "mailbox" };
                let field = if names.is_empty() { whole.to_owned() } else { names.join(".") };
                RowErrorView { field, pointer: Some(pointer(&way)), detail }
            }
        }
    }
}

/// The column in which a table has it.
fn column<'n>(part: Part, names: &[&'n str]) -> &'n str {
    match (part, names) {
        (Part::Company, ["external_refs", ..]) => "external_id",
        (Part::Company, ["language", ..]) => "language",
        (Part::Company, ["groups", ..]) => "groups",
        (Part::Company, _) => "company",
        (Part::Mailbox, ["imap"]) => "host",
        (Part::Mailbox, ["imap", name, ..] | [name, ..]) => name,
        (Part::Mailbox, []) => "address",
    }
}

/// What stands in for the name of the other system where a table names none.
const USUAL_SYSTEM: &str = "psa";

impl Line {
    /// Reads a row of what it says of its company and of its mailbox.
    pub(super) fn read(row: u32, place: Place, company: &Tree, mailbox: Option<&Tree>) -> Self {
        let mut errors = Vec::new();
        let mut wrong = |part, found: Vec<(Vec<String>, String)>| {
            errors.extend(found.into_iter().map(|(names, detail)| place.error(part, &names, detail)));
        };
        let read = read_part::<NewTenant>(company).map_err(|found| wrong(Part::Company, found)).ok();
        let new = mailbox.and_then(|mailbox| {
            read_part::<NewCompanyMailbox>(mailbox).map_err(|found| wrong(Part::Mailbox, found)).ok()
        });
        Self {
            row,
            place,
            company_name: text(company, "name"),
            address: mailbox.and_then(|mailbox| text(mailbox, "address")),
            company: read,
            mailbox: new,
            errors,
        }
    }

    /// Reads a row of a table.
    pub(super) fn of_table(columns: &[&'static str], row: &table::Row) -> Self {
        let cell = |name: &str| {
            let at = columns.iter().position(|column| *column == name)?;
            let cell = row.cells.get(at)?;
            // A password may well begin or end with a space.
            let cell = if name == "password" { cell.as_str() } else { cell.trim() };
            (!cell.is_empty()).then(|| cell.to_owned())
        };
        let given = |names: &[(&str, &str)]| -> Vec<(String, Tree)> {
            let member = |(column, name): &(&str, &str)| Some(((*name).to_owned(), Tree::Parameter(cell(column)?)));
            names.iter().filter_map(member).collect()
        };
        let mut company = given(&[("company", "name"), ("language", "language")]);
        if let Some(id) = cell("external_id") {
            let system = cell("external_system").unwrap_or_else(|| USUAL_SYSTEM.to_owned());
            company.push(("external_refs".to_owned(), Tree::Object(vec![(system, Tree::Parameter(id))])));
        }
        if let Some(groups) = cell("groups") {
            let groups = groups.split([';', ' ']).filter(|group| !group.is_empty());
            let groups = groups.map(|group| Tree::Parameter(group.to_owned())).collect();
            company.push(("groups".to_owned(), Tree::List(groups)));
        }
        let same = ["address", "password", "credential_id", "username", "poll_interval_s", "new_mail"];
        let mut mailbox = given(&same.map(|name| (name, name)));
        let imap = given(&["host", "port", "tls"].map(|name| (name, name)));
        if !imap.is_empty() {
            mailbox.push(("imap".to_owned(), Tree::Object(imap)));
        }
        let mut line = Self::read(row.line, Place::Table, &Tree::Object(company), Some(&Tree::Object(mailbox)));
        if row.cells.iter().skip(columns.len()).any(|cell| !cell.trim().is_empty()) {
            let detail = format!("has {} cells, and the first line has {}", row.cells.len(), columns.len());
            line.errors.insert(0, RowErrorView { field: "row".to_owned(), pointer: None, detail });
        }
        line
    }

    /// Notes something that is wrong.
    pub(super) fn refuse<S: AsRef<str>>(&mut self, part: Part, names: &[S], detail: impl Into<String>) {
        self.errors.push(self.place.error(part, names, detail));
    }
}

/// A text as sent, as long as one may be.
fn text(tree: &Tree, name: &str) -> Option<String> {
    let Tree::Object(members) = tree else { return None };
    members.iter().find(|(known, _)| known == name).and_then(|(_, value)| match value {
        Tree::Text(text) | Tree::Parameter(text) => Some(text.chars().take(320).collect()),
        Tree::Null | Tree::Bool(_) | Tree::Whole(_) | Tree::Real(_) | Tree::List(_) | Tree::Object(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(header: &str, row: &str) -> Vec<(String, String)> {
        let table = table::read(&format!("{header}\n{row}\n")).unwrap();
        let line = Line::of_table(&table.columns, &table.rows[0]);
        line.errors.into_iter().map(|error| (error.field, error.detail)).collect()
    }

    #[test]
    fn a_wrong_cell_is_named_by_its_column_and_never_repeated() {
        const HEADER: &str = "company,external_id,language,groups,address,password,host,port,tls,poll_interval_s";
        assert_eq!(wrong(HEADER, "A,1,ja,gold;x,a@a.example,geheim,imap.a.example,993,implicit,300"), []);
        for (row, field) in [
            (",,,,a@a.example,x,,,,", "company"),
            ("A,,fr,,a@a.example,x,,,,", "language"),
            ("A,,,Gold,a@a.example,x,,,,", "groups"),
            ("A,,,,a.example,x,,,,", "address"),
            ("A,,,,,x,,,,", "address"),
            ("A,,,,a@a.example,x,127.0.0.1,,,", "host"),
            ("A,,,,a@a.example,x,,993,,", "host"),
            ("A,,,,a@a.example,x,imap.a.example,many,,", "port"),
            ("A,,,,a@a.example,x,imap.a.example,0,,", "port"),
            ("A,,,,a@a.example,x,imap.a.example,,ssl,", "tls"),
            ("A,,,,a@a.example,x,imap.a.example,,,5", "poll_interval_s"),
            ("A,,,,a@a.example,\"geheim\nx\",imap.a.example,,,", "password"),
            ("A,,,,a@a.example,x,imap.a.example,,,,more", "row"),
        ] {
            let found = wrong(HEADER, row);
            assert_eq!(found.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), [field], "{row}: {found:?}");
            assert!(!found[0].1.contains("geheim"), "{found:?}");
        }
    }

    #[test]
    fn in_a_body_a_pointer_leads_there() {
        let error = Place::Body(3, Some(2)).error(Part::Mailbox, &["imap", "port"], "x");
        assert_eq!(error.pointer.as_deref(), Some("/companies/3/mailboxes/2/imap/port"));
        assert_eq!(error.field, "imap.port");
        let error = Place::Body(3, Some(2)).error(Part::Company, &["name"], "x");
        assert_eq!(error.pointer.as_deref(), Some("/companies/3/name"));
    }
}
