//! [`Parameters`]: what the query of a control call says.

use std::{borrow::Cow, str::FromStr};

use crate::query;

pub(super) struct Parameters<'q>(&'q str);

impl<'q> Parameters<'q> {
    /// Refuses any name but these, so that a slip of the pen is not taken for a call without it.
    pub(super) fn new(query: &'q str, names: &[&str]) -> Result<Self, String> {
        match query::names(query).find(|name| !names.contains(&&**name)) {
            Some(other) => Err(format!("there is no parameter `{other}` here, only {names:?}")),
            None => Ok(Self(query)),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<Cow<'q, str>> {
        query::get(self.0, name)
    }

    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let number = |text: Cow<'_, str>| {
            text.parse().map_err(|_| format!("`{name}` wants a number that is in range, and got `{text}`"))
        };
        self.text(name).map(number).transpose()
    }

    pub(super) fn needed<T>(name: &str, value: Option<T>) -> Result<T, String> {
        value.ok_or_else(|| format!("the parameter `{name}` is missing"))
    }
}
