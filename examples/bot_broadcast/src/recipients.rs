//! [`Recipients`]: whom to send to.

use std::{collections::HashSet, path::Path};

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::{BoxError, quotes, text};

/// The lines of a CSV file, each open id once.
#[derive(Debug)]
pub struct Recipients {
    /// What the first line names.
    pub columns: Vec<String>,
    pub all: Vec<Recipient>,
    /// Lines with an open id that an earlier one had. They are left out.
    pub repeated: usize,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Recipient {
    pub openid: String,
    /// What stands in each column.
    pub fields: StringRecord,
}

impl Recipients {
    pub fn read(path: &Path) -> Result<Self, BoxError> {
        Self::parse(&text::read(path)?).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    fn parse(text: &str) -> Result<Self, BoxError> {
        quotes::check(text)?;
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(text.as_bytes());
        let columns: Vec<_> = reader.headers()?.iter().map(str::to_owned).collect();
        let named = |name: &str| columns.iter().filter(move |column| *column == name).count();
        if let Some(twice) = columns.iter().find(|name| !name.is_empty() && named(name) > 1) {
            return Err(format!("the first line names {twice:?} more than once").into());
        }
        let at = columns.iter().position(|column| column == "openid");
        let at = at.ok_or_else(|| {
            format!(
                "the first line has to name a column \"openid\"; it names {}",
                shortened(&columns.join(", "))
            )
        })?;

        let (mut all, mut known, mut repeated) = (Vec::new(), HashSet::new(), 0);
        for fields in reader.records() {
            let fields = fields?;
            let openid = fields.get(at).unwrap_or_default().to_owned();
            if !is_openid(&openid) {
                let line = fields.position().map_or(0, csv::Position::line);
                return Err(format!("line {line}: {} is no open id", shortened(&openid)).into());
            }
            if known.insert(openid.clone()) {
                all.push(Recipient { openid, fields });
            } else {
                repeated += 1;
            }
        }
        if all.is_empty() {
            return Err("nobody is in it".into());
        }
        Ok(Self { columns, all, repeated })
    }
}

/// Letters, digits, `_` and `-`; WeChat does not say how many.
pub fn is_openid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// In quotes, and not all of it where a file is something else altogether.
fn shortened(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_spreadsheet_saves() {
        let text = "name,openid\r\n李雷, o1 \r\n\"Han, Meimei\",o-2_\r\n李雷,o1\r\n";
        let read = Recipients::parse(text).unwrap();
        let openids: Vec<_> = read.all.iter().map(|recipient| &*recipient.openid).collect();
        assert_eq!(openids, ["o1", "o-2_"]);
        assert_eq!(&read.all[1].fields[0], "Han, Meimei");
        assert_eq!(read.repeated, 1);
    }

    #[test]
    fn says_where_a_file_is_wrong() {
        let error = |text: &str| Recipients::parse(text).unwrap_err().to_string();
        let error_of_names = error("OpenID,name\no1,a\n");
        assert_eq!(
            error_of_names,
            "the first line has to name a column \"openid\"; it names \"OpenID, name\""
        );
        assert_eq!(error("openid,name,,,name\no1,a,,,b\n"), "the first line names \"name\" more than once");
        assert_eq!(error("openid,name\no1,a\no 2,b\n"), "line 3: \"o 2\" is no open id");
        assert_eq!(error("openid,name\n"), "nobody is in it");
        assert!(error("openid,name\no1\n").contains("line: 2"), "{}", error("openid,name\no1\n"));
        assert!(error(&format!("openid\n{}\n", "x y".repeat(1_000_000))).len() < 200);
    }

    /// The reader would take all that follows it for one field, and those people would get nothing.
    #[test]
    fn a_stray_quote_swallows_nobody() {
        let error = |text: &str| Recipients::parse(text).unwrap_err().to_string();
        let over_several = "line 2: a field goes over several lines; is a \" not closed?";
        assert_eq!(error("openid,name\no1,\"a\no2,b\no3,c\n"), over_several);
        assert_eq!(error("openid,name\no1,\"Al\no2,Bob\no3,Carl\no4,Di\"na\no5,E\n"), over_several);
        assert_eq!(error("openid,name\r\no1,\"a\r\nb\"\r\n"), over_several);
        assert!(error("openid,name\no1,a\no2,5\" pipe\n").starts_with("line 3: a \" within a field"));
    }
}
