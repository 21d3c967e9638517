//! The file in an upload.

/// A file in an upload.
pub(crate) struct File<'b> {
    pub(crate) content: &'b [u8],
    /// Whether its end was kept, too.
    pub(crate) is_whole: bool,
}

/// The first part of this body with a file name and content. Only what was kept of the body is looked at, so that the head of
/// the file's part must lie in its first MiB.
pub(crate) fn file<'b>(content_type: &str, body: &'b [u8]) -> Option<File<'b>> {
    let delimiter = format!("--{}", boundary(content_type)?);
    let mut rest = body;
    while let Some(at) = find(rest, delimiter.as_bytes()) {
        rest = &rest[at + delimiter.len()..];
        if let Some(part) = rest.strip_prefix(b"\r\n")
            && let Some(end) = find(part, b"\r\n\r\n")
            && names_a_file(&part[..end])
            && has_content(&part[end + 4..], &delimiter)
        {
            let content = &part[end + 4..];
            let end = find(content, format!("\r\n{delimiter}").as_bytes());
            return Some(File { content: &content[..end.unwrap_or(content.len())], is_whole: end.is_some() });
        }
    }
    None
}

/// What stands between the parts of a `multipart/form-data` body.
fn boundary(content_type: &str) -> Option<&str> {
    let mut pieces = content_type.split(';').map(str::trim);
    if !pieces.next()?.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = pieces.find_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    (!value.is_empty()).then_some(value)
}

/// Whether a part's headers have a `content-disposition` with a file name.
fn names_a_file(headers: &[u8]) -> bool {
    let headers = String::from_utf8_lossy(headers).to_ascii_lowercase();
    headers.split("\r\n").filter_map(|line| line.split_once(':')).any(|(name, value)| {
        name.trim() == "content-disposition"
            && value.split(';').any(|piece| {
                let name = piece.split_once('=').map_or("", |(name, _)| name.trim());
                name == "filename" || name == "filename*"
            })
    })
}

/// Whether a byte comes before the next delimiter.
fn has_content(body: &[u8], delimiter: &str) -> bool {
    let ends = |body: &[u8]| body.strip_prefix(b"\r\n").unwrap_or(body).starts_with(delimiter.as_bytes());
    !body.is_empty() && !ends(body)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_file(content_type: &str, body: &[u8]) -> bool {
        file(content_type, body).is_some()
    }

    const KIND: &str = "multipart/form-data; boundary=b0undary";

    fn form(part: &str) -> String {
        format!(
            "--b0undary\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\ntext\r\n{part}--b0undary--\r\n"
        )
    }

    #[test]
    fn a_part_with_a_file_name_and_content_is_one() {
        for head in [
            "Content-Disposition: form-data; name=\"media\"; filename=\"a.jpg\"\r\nContent-Type: image/jpeg",
            "content-type: image/jpeg\r\ncontent-disposition: form-data;filename=a.jpg",
            "content-disposition: form-data; name=\"media\"; FileName*=UTF-8''%E4%B8%AD.jpg",
        ] {
            let body = form(&format!("--b0undary\r\n{head}\r\n\r\nx\r\n"));
            assert!(has_file(KIND, body.as_bytes()), "{body}");
            assert!(has_file("Multipart/Form-Data; charset=utf-8; Boundary=\"b0undary\"", body.as_bytes()));
            assert!(!has_file("multipart/form-data; boundary=other", body.as_bytes()));
            assert!(!has_file("multipart/form-data", body.as_bytes()));
            assert!(!has_file("multipart/mixed; boundary=b0undary", body.as_bytes()));
            assert!(!has_file("image/jpeg", body.as_bytes()));
        }
    }

    #[test]
    fn its_content_is_what_stands_up_to_the_next_delimiter() {
        let head = "--b0undary\r\ncontent-disposition: form-data; name=\"media\"; filename=\"a\"\r\n\r\n";
        let content = "\r\n--b0un\r\n\r\n\0x";
        let whole = form(&format!("{head}{content}\r\n"));
        let found = file(KIND, whole.as_bytes()).unwrap();
        assert!(found.content == content.as_bytes() && found.is_whole);
        let cut = format!("{head}{content}");
        let found = file(KIND, cut.as_bytes()).unwrap();
        assert!(found.content == content.as_bytes() && !found.is_whole);
    }

    #[test]
    fn without_a_name_or_without_content_it_is_none() {
        let file = "--b0undary\r\ncontent-disposition: form-data; name=\"media\"; filename=\"a\"\r\n\r\n";
        for part in [
            String::new(),
            format!("{file}\r\n"),
            file.to_owned(),
            "--b0undary\r\ncontent-disposition: form-data; name=\"filename\"\r\n\r\nx\r\n".to_owned(),
            "--b0undary\r\nx-filename: form-data; filename=a\r\n\r\nx\r\n".to_owned(),
        ] {
            assert!(!has_file(KIND, form(&part).as_bytes()), "{part:?}");
        }
        assert!(!has_file(KIND, file.as_bytes()), "cut off after its head");
        assert!(!has_file(KIND, b""));
        assert!(has_file(KIND, format!("{file}x").as_bytes()), "the rest was not kept");
    }
}
