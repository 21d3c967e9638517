//! The quotes of a CSV file, which its reader does not look at so closely.

/// Fails at the first line whose quotes are not those of whole fields, and names it.
///
/// The reader takes a `"` that is not closed for the beginning of a field that ends many lines later: those people would get
/// nothing, and their names would get to somebody else.
pub fn check(text: &str) -> Result<(), String> {
    for (number, line) in (1..).zip(text.split('\n')) {
        // For the reader, a line may end with this alone.
        for line in line.split('\r') {
            check_line(line).map_err(|error| format!("line {number}: {error}"))?;
        }
    }
    Ok(())
}

/// Where in a line it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Begin,
    Plain,
    Quoted,
    /// Behind a `"` that closes a field, or is the first half of one within it.
    Behind,
}

fn check_line(line: &str) -> Result<(), &'static str> {
    let mut at = At::Begin;
    for c in line.chars() {
        at = match (at, c) {
            (At::Quoted, '"') => At::Behind,
            (At::Begin | At::Behind, '"') | (At::Quoted, _) => At::Quoted,
            (_, ',') => At::Begin,
            (At::Plain, '"') => return Err(WITHIN),
            (At::Behind, _) => return Err(TEXT_BEHIND),
            (At::Begin | At::Plain, _) => At::Plain,
        };
    }
    if at == At::Quoted { Err(NOT_CLOSED) } else { Ok(()) }
}

const NOT_CLOSED: &str = "a field goes over several lines; is a \" not closed?";
const WITHIN: &str = "a \" within a field that does not begin with one. Put quotes around the field, and double this one: \"5\"\" pipe\"";
const TEXT_BEHIND: &str =
    "text behind the \" that closes a field. If the \" is part of the field, double it: \"5\"\" pipe\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_fields_are_well() {
        let text =
            "openid,name\r\no1,\"Han, Meimei\"\r\no2,\"say \"\"b\"\"\"\n\n\"o3\",\"\"\ro4,a\n\"o5\",\"\"\"\"";
        assert_eq!(check(text), Ok(()));
    }

    #[test]
    fn others_are_named() {
        for (text, error) in [
            ("a,b\n1,\"2\n", format!("line 2: {NOT_CLOSED}")),
            ("a,b\n1,\"2\"\"\n", format!("line 2: {NOT_CLOSED}")),
            ("a,b\r1,\"2\r3,4\"\n", format!("line 1: {NOT_CLOSED}")),
            ("a,b\n\n1,2\"\n", format!("line 3: {WITHIN}")),
            // With a blank before it, a quote is none for the reader, and neither is the comma behind it part of the field.
            ("a,b\n1, \"2, 3\"\n", format!("line 2: {WITHIN}")),
            ("a,b\n1,\"2\"3\n", format!("line 2: {TEXT_BEHIND}")),
            ("a,\"b\" c\"\n", format!("line 1: {TEXT_BEHIND}")),
        ] {
            assert_eq!(check(text), Err(error), "{text}");
        }
    }
}
