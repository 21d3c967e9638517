//! [`Message`]: what each recipient is sent.

use std::path::Path;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{BoxError, recipients::Recipient, text};

/// A template message whose texts have places for what stands in a recipient's columns.
#[derive(Debug)]
pub struct Message {
    fields: Map<String, Value>,
    columns: Vec<String>,
    id: String,
}

impl Message {
    pub fn read(path: &Path, columns: &[String]) -> Result<Self, BoxError> {
        Self::parse(&text::read(path)?, columns)
            .map_err(|error| format!("{}: {error}", path.display()).into())
    }

    pub fn parse(text: &str, columns: &[String]) -> Result<Self, BoxError> {
        let fields: Map<String, Value> = serde_json::from_str(text)?;
        for name in ["template_id", "data"] {
            if !fields.contains_key(name) {
                return Err(format!("there is no `{name}` in it").into());
            }
        }
        for name in ["touser", "client_msg_id"] {
            if fields.contains_key(name) {
                return Err(format!("`{name}` is filled in for each recipient: take it out").into());
            }
        }
        let id = hash(&[&Value::Object(fields.clone()).to_string()]);
        let message = Self { fields, columns: columns.to_vec(), id };
        // Rather now than in ten thousand messages.
        message.fields.values().try_for_each(|value| message.places(value))?;
        Ok(message)
    }

    /// Another message has another one.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The body of the request.
    pub fn to(&self, recipient: &Recipient) -> Value {
        let fill = |(name, value): (&String, &Value)| (name.clone(), self.filled(value, recipient));
        let mut body: Map<_, _> = self.fields.iter().map(fill).collect();
        body.insert("touser".to_owned(), recipient.openid.clone().into());
        // WeChat sends one message for an open id and such an id, for ten minutes at least: this guards repeated sends.
        body.insert("client_msg_id".to_owned(), hash(&[&self.id, &recipient.openid]).into());
        body.into()
    }

    fn filled(&self, value: &Value, recipient: &Recipient) -> Value {
        match value {
            Value::String(text) => {
                let place = |column: usize| recipient.fields.get(column).unwrap_or_default();
                let parts = self.split(text).unwrap_or_default();
                parts.into_iter().map(|part| part.unwrap_or_else(place)).collect::<String>().into()
            }
            Value::Array(values) => values.iter().map(|value| self.filled(value, recipient)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), self.filled(value, recipient)))
                .collect::<Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    /// Whether there is a column for each place.
    fn places(&self, value: &Value) -> Result<(), String> {
        match value {
            Value::String(text) => self.split(text).map(drop),
            Value::Array(values) => values.iter().try_for_each(|value| self.places(value)),
            Value::Object(fields) => fields.values().try_for_each(|value| self.places(value)),
            _ => Ok(()),
        }
    }

    /// What stands before, between and after the places, and the column of each place.
    fn split<'t>(&self, mut text: &'t str) -> Result<Vec<Result<&'t str, usize>>, String> {
        let mut parts = Vec::new();
        while let Some((before, rest)) = text.split_once('{') {
            parts.push(Ok(before));
            text = rest;
            match rest.split_once('}') {
                Some((name, after)) if is_name(name) => {
                    let column = self.columns.iter().position(|column| column == name);
                    parts.push(Err(column.ok_or_else(|| format!("there is no column for {{{name}}}"))?));
                    text = after;
                }
                _ => parts.push(Ok("{")),
            }
        }
        parts.push(Ok(text));
        Ok(parts)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-".contains(c))
}

/// 32 hex digits.
fn hash(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\n"));
    let half = digest.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte));
    format!("{half:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Message, BoxError> {
        Message::parse(text, &["openid".to_owned(), "name".to_owned()])
    }

    fn recipient() -> Recipient {
        Recipient { openid: "o1".to_owned(), fields: vec!["o1", "李雷"].into() }
    }

    #[test]
    fn fills_the_places_of_texts() {
        let text = r#"{"template_id":"t","data":{"thing1":{"value":"你好 {name}, {name}"},"n":{"value":"{ 1 } {"}}}"#;
        let body = parse(text).unwrap().to(&recipient());
        assert_eq!(body["touser"], "o1");
        assert_eq!(body["data"]["thing1"]["value"], "你好 李雷, 李雷");
        assert_eq!(body["data"]["n"]["value"], "{ 1 } {");
        assert_eq!(body["client_msg_id"].as_str().map(str::len), Some(32));
    }

    #[test]
    fn does_not_send_a_place_that_no_column_fills() {
        let error = parse(r#"{"template_id":"t","data":{"thing1":{"value":"{nmae}"}}}"#).unwrap_err();
        assert_eq!(error.to_string(), "there is no column for {nmae}");
    }

    #[test]
    fn wants_what_wechat_wants() {
        let error = |text| parse(text).unwrap_err().to_string();
        assert_eq!(error(r#"{"data":{}}"#), "there is no `template_id` in it");
        assert!(error(r#"{"template_id":"t","data":{},"touser":"o1"}"#).contains("touser"));
    }

    #[test]
    fn the_same_message_to_the_same_user_has_the_same_id() {
        let (one, other) = (r#"{"template_id":"t","data":{}}"#, r#"{"template_id":"u","data":{}}"#);
        let id = |text| parse(text).unwrap().to(&recipient())["client_msg_id"].clone();
        assert_eq!(id(one), id(one));
        assert_ne!(id(one), id(other));
    }
}
