//! [`Value`] and [`Place`]: what stands in a configuration and where; [`Fault`]: what is wrong with it.

use std::{
    fmt::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer};

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the file, at these bytes.
    File(Range<usize>),
    /// In this variable of the environment.
    Variable(String),
}

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Value<T> {
    pub(crate) is: T,
    pub(crate) at: Place,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Value<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = toml::Spanned::deserialize(deserializer)?;
        let at = Place::File(spanned.span());
        Ok(Self { is: spanned.into_inner(), at })
    }
}

/// The file that was read, to tell lines by.
pub(crate) struct Source {
    path: Option<PathBuf>,
    /// Where each line begins, but for the first.
    lines: Vec<usize>,
}

impl Source {
    pub(crate) fn new(file: Option<(&Path, &str)>) -> Self {
        let (path, text) = file.unzip();
        let ends = text.unwrap_or_default().bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { path: path.map(Path::to_owned), lines: ends.map(|(at, _)| at + 1).collect() }
    }

    /// The folder that names of files are relative to: the configuration's own.
    pub(crate) fn folder(&self) -> PathBuf {
        let parent = self.path.as_deref().and_then(Path::parent);
        parent.map(Path::to_owned).unwrap_or_default()
    }

    /// The file itself.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What is wrong at this place.
    pub(crate) fn fault(&self, at: &Place, message: impl Into<String>) -> Fault {
        Fault { at: Some(self.name(at)), message: message.into() }
    }

    /// Where this value stands, if there is one.
    pub(crate) fn where_is<T>(&self, value: Option<&Value<T>>) -> Where {
        Where(value.map(|value| self.name(&value.at)))
    }

    fn name(&self, at: &Place) -> String {
        match (at, &self.path) {
            (Place::File(bytes), Some(path)) => {
                let line = 1 + self.lines.partition_point(|begin| *begin <= bytes.start);
                format!("{}:{line}", path.display())
            }
            (Place::File(_), None) => "the configuration".to_owned(),
            (Place::Variable(name), _) => name.clone(),
        }
    }
}

/// Where a value stands, for what comes to light when it is used.
#[derive(Clone, Default)]
pub(crate) struct Where(Option<String>);

impl Where {
    pub(crate) fn fault(&self, what: impl fmt::Display) -> Fault {
        Fault { at: self.0.clone(), message: what.to_string() }
    }
}

/// What is wrong with a configuration: where, what, and the remedy. It shows no secret.
#[derive(Debug)]
pub(crate) struct Fault {
    at: Option<String>,
    message: String,
}

impl Fault {
    /// One that has no place.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { at: None, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names of keys and files are anybody's, and this is one line.
        let mut escaped = |text: &str| {
            text.chars().try_for_each(|c| {
                if c.is_control() { write!(f, "{}", c.escape_default()) } else { f.write_char(c) }
            })
        };
        self.at.iter().try_for_each(|at| escaped(at).and_then(|()| escaped(": ")))?;
        escaped(&self.message)
    }
}

impl std::error::Error for Fault {}

impl From<crate::error::Error> for Fault {
    fn from(error: crate::error::Error) -> Self {
        Self::new(error.to_string())
    }
}
