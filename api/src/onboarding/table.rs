//! A table of mailboxes as spreadsheets write it: a header, and one row a mailbox.
//!
//! Excel writes UTF-8 with a byte order mark, in Japan `Shift_JIS`, and in much of Europe semicolons. A row's number is its line in the
//! file, so that people find it.

use encoding_rs::{Encoding, SHIFT_JIS, UTF_8};
use thiserror::Error;

/// The columns that are known, and what else they may be called.
const COLUMNS: [(&str, &[&str]); 14] = [
    ("company", &["会社名"]),
    ("external_system", &[]),
    ("external_id", &["顧客番号"]),
    ("language", &["言語"]),
    ("groups", &[]),
    ("address", &["メールアドレス"]),
    ("password", &["パスワード"]),
    ("credential_id", &[]),
    ("username", &["ユーザー名"]),
    ("host", &["ホスト"]),
    ("port", &["ポート"]),
    ("tls", &[]),
    ("poll_interval_s", &[]),
    ("new_mail", &[]),
];

/// A table as it was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Table {
    /// The columns by name, in the order of the file.
    pub columns: Vec<&'static str>,
    /// Those rows that have anything in them.
    pub rows: Vec<Row>,
}

/// A row of a table.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// Its line in the file.
    pub line: u32,
    /// Its cells, in the order of the columns; there may be fewer, or more.
    pub cells: Vec<String>,
}

impl std::fmt::Debug for Table {
    /// Cells are passwords too.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "<table of {} rows>", self.rows.len())
    }
}

/// Why a file is no table of mailboxes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoTable {
    /// Another charset than those that are read.
    #[error("the charset {0} is not read here: utf-8 and shift_jis are")]
    Charset(String),
    /// The bytes are not text in that charset.
    #[error("not text in {0}: save it as CSV UTF-8, or name its charset (charset=shift_jis for Excel in Japan)")]
    Text(&'static str),
    /// A column that is not known.
    #[error(
        "the column {0:?} is not known here; known: company, external_system, external_id, language, groups, address, password, credential_id, username, host, port, tls, poll_interval_s, new_mail"
    )]
    Column(String),
    /// A column that is there twice.
    #[error("the column {0} is there twice")]
    Twice(&'static str),
    /// A column that has to be there.
    #[error("the column {0} is missing in the first line")]
    Missing(&'static str),
    /// The rows can't be told apart.
    #[error("not a table: {0}")]
    Malformed(String),
}

/// The text of a file in that charset, UTF-8 when none is named.
pub fn decode(bytes: &[u8], charset: Option<&str>) -> Result<String, NoTable> {
    let encoding = match charset {
        None => UTF_8,
        Some(name) => Encoding::for_label(name.as_bytes())
            .filter(|known| [UTF_8, SHIFT_JIS].contains(known))
            .ok_or_else(|| NoTable::Charset(name.to_owned()))?,
    };
    let (encoding, bytes) = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => (UTF_8, rest),
        None => (encoding, bytes),
    };
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    Ok(text.ok_or(NoTable::Text(encoding.name()))?.into_owned())
}

/// Reads a table.
pub fn read(text: &str) -> Result<Table, NoTable> {
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [b',', b';', b'\t'].into_iter().find(|known| first.as_bytes().contains(known)).unwrap_or(b',');
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut records = reader.records();
    let malformed = |error: csv::Error| NoTable::Malformed(error.to_string());
    let header = records.next().ok_or(NoTable::Missing("company"))?.map_err(malformed)?;
    let mut columns: Vec<&'static str> = Vec::new();
    for title in &header {
        let column = column(title)?;
        if columns.contains(&column) {
            return Err(NoTable::Twice(column));
        }
        columns.push(column);
    }
    if let Some(missing) = ["company", "address"].into_iter().find(|needed| !columns.contains(needed)) {
        return Err(NoTable::Missing(missing));
    }
    let mut rows = Vec::new();
    for record in records {
        let record = record.map_err(malformed)?;
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let line = record.position().map_or(0, |at| line_of(text, at));
        let cells = record.iter().map(ToOwned::to_owned).collect();
        rows.push(Row { line, cells });
    }
    Ok(Table { columns, rows })
}

/// A record's line. It is said to begin where the one before it has ended, which may be before the end of that line, and before
/// empty ones.
fn line_of(text: &str, at: &csv::Position) -> u32 {
    let rest = usize::try_from(at.byte()).ok().and_then(|from| text.as_bytes().get(from..)).unwrap_or_default();
    let skipped = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
    u32::try_from(at.line()).unwrap_or(u32::MAX).saturating_add(u32::try_from(skipped).unwrap_or(u32::MAX))
}

fn column(title: &str) -> Result<&'static str, NoTable> {
    let title = title.trim();
    let plain = title.to_lowercase().replace([' ', '-'], "_");
    let known = COLUMNS.iter().find(|(name, others)| *name == plain || others.contains(&title));
    known.map(|(name, _)| *name).ok_or_else(|| NoTable::Column(title.chars().take(60).collect()))
}

impl Table {
    /// A part of it, as it is sent.
    pub fn write(&self, rows: &[Row]) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        writer.write_record(&self.columns)?;
        for row in rows {
            writer.write_record(&row.cells)?;
        }
        writer.into_inner().map_err(|error| error.into_error().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<(u32, Vec<String>)> {
        read(text).unwrap().rows.into_iter().map(|row| (row.line, row.cells)).collect()
    }

    #[test]
    fn excel_is_read_as_it_writes_in_each_country() {
        let japanese = "会社名,メールアドレス,パスワード\r\nさくら歯科,sato@sakura.example,x,\r\n";
        let (shift_jis, _, _) = SHIFT_JIS.encode(japanese);
        let text = decode(&shift_jis, Some("Shift_JIS")).unwrap();
        assert_eq!(text, japanese);
        assert_eq!(read(&text).unwrap().columns, ["company", "address", "password"]);
        let marked = decode(&[b"\xEF\xBB\xBF", japanese.as_bytes()].concat(), Some("shift_jis")).unwrap();
        assert_eq!(marked, japanese, "the mark says what it is");
        assert_eq!(decode(&shift_jis, None), Err(NoTable::Text("UTF-8")));
        assert_eq!(decode(b"", Some("utf-16")), Err(NoTable::Charset("utf-16".to_owned())));
        let german = "Company;Address;External ID\n\"Müller; Söhne\";a@b.example;7\n";
        assert_eq!(cells(german)[0].1, ["Müller; Söhne", "a@b.example", "7"]);
    }

    #[test]
    fn a_row_is_named_by_its_line_and_empty_ones_are_none() {
        let text = "company,address\nA,a@a.example\n\n,,\nB,\"b@\nb\"\nC,c@c.example\n";
        let lines: Vec<u32> = cells(text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [2, 5, 7]);
        for end in ["\n", "\r\n"] {
            let text = ["company,address", "A,a@a.example", "", "", "B,b@b.example", "C,c@c.example"].join(end);
            let lines: Vec<u32> = cells(&text).into_iter().map(|(line, _)| line).collect();
            assert_eq!(lines, [2, 5, 6], "{end:?}");
        }
    }

    #[test]
    fn a_file_that_is_no_table_says_why() {
        assert_eq!(read(""), Err(NoTable::Missing("company")));
        assert_eq!(read("company,password\n"), Err(NoTable::Missing("address")));
        assert_eq!(read("company,address,adress\n"), Err(NoTable::Column("adress".to_owned())));
        assert_eq!(read("company,address,Address\n"), Err(NoTable::Twice("address")));
    }

    #[test]
    fn what_is_written_is_read_the_same() {
        let table = read("company,address\n\"A, \"\"B\"\"\",a@a.example\nC,c@c.example,more\n").unwrap();
        let again = read(&decode(&table.write(&table.rows).unwrap(), None).unwrap()).unwrap();
        assert_eq!(again, table);
    }
}
