//! [`Recipients`]: whom to send to.

use std::{collections::HashSet, fs, path::Path};

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::BoxError;

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
        let text = fs::read_to_string(path).map_err(|error| {
            // A spreadsheet program saves Chinese text as GBK unless told otherwise.
            format!("{}: {error}. It has to be a CSV file in UTF-8.", path.display())
        })?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    fn parse(text: &str) -> Result<Self, BoxError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // The reader would take all that follows it for one field, and those people would get nothing.
        if !text.matches('"').count().is_multiple_of(2) {
            return Err("a \" in it is not closed".into());
        }
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(text.as_bytes());
        let columns: Vec<_> = reader.headers()?.iter().map(str::to_owned).collect();
        let at = columns.iter().position(|column| column == "openid");
        let at = at.ok_or("the first line names no column `openid`")?;

        let (mut all, mut known, mut repeated) = (Vec::new(), HashSet::new(), 0);
        for fields in reader.records() {
            let fields = fields?;
            let openid = fields.get(at).unwrap_or_default().to_owned();
            if !is_openid(&openid) {
                let line = fields.position().map_or(0, csv::Position::line);
                let shown: String = openid.chars().take(40).collect();
                return Err(format!("line {line}: {shown:?} is no open id").into());
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
fn is_openid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_spreadsheet_saves() {
        let text = "\u{feff}name,openid\r\n李雷, o1 \r\n\"Han, Meimei\",o-2_\r\n李雷,o1\r\n";
        let read = Recipients::parse(text).unwrap();
        let openids: Vec<_> = read.all.iter().map(|recipient| &*recipient.openid).collect();
        assert_eq!(openids, ["o1", "o-2_"]);
        assert_eq!(&read.all[1].fields[0], "Han, Meimei");
        assert_eq!(read.repeated, 1);
    }

    #[test]
    fn says_where_a_file_is_wrong() {
        let error = |text: &str| Recipients::parse(text).unwrap_err().to_string();
        assert_eq!(error("id,name\no1,a\n"), "the first line names no column `openid`");
        assert_eq!(error("openid,name\no1,a\no 2,b\n"), "line 3: \"o 2\" is no open id");
        assert_eq!(error("openid,name\n"), "nobody is in it");
        assert!(error("openid,name\no1\n").contains("line: 2"), "{}", error("openid,name\no1\n"));
        assert!(error(&format!("openid\n{}\n", "x y".repeat(1_000_000))).len() < 200);
    }

    /// The reader takes all that follows for one field, and those people would not get the message.
    #[test]
    fn a_quote_that_is_not_closed_swallows_nobody() {
        assert!(Recipients::parse("openid,name\no1,\"a\no2,b\no3,c\n").is_err());
        let closed = Recipients::parse("openid,name\no1,\"a\nb\"\no2,\"say \"\"b\"\"\"\n").unwrap();
        assert_eq!(closed.all.len(), 2);
    }
}
