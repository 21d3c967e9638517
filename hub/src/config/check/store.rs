//! Where tokens are kept.

use super::Checker;
use crate::config::{
    Store,
    place::{Fault, Value},
    raw,
};

impl Checker<'_> {
    pub(super) fn store(&self, store: &raw::Store) -> Result<Store, Fault> {
        let kind = store.kind.as_ref();
        match kind.map_or("memory", |kind| kind.is.as_str()) {
            "memory" => match [&store.dir, &store.url, &store.url_file].into_iter().flatten().next() {
                Some(value) => Err(self.fault(
                    &value.at,
                    "a store with a `dir` or a `url` has the `kind` \"file\" or \"redis\": name it",
                )),
                None => Ok(Store::Memory),
            },
            "file" => match &store.dir {
                Some(dir) if dir.is.is_empty() => {
                    Err(self.fault(&dir.at, "`dir` is a folder of its own, and has a name"))
                }
                Some(dir) => Ok(Store::File(self.path(&dir.is))),
                None => {
                    Err(self.missing(kind, "a store of the kind \"file\" needs `dir`, a folder of its own"))
                }
            },
            "redis" => match (&store.url, &store.url_file) {
                (Some(_), Some(file)) => {
                    Err(self.fault(&file.at, "`url` and `url_file` are both there: leave one out"))
                }
                (Some(url), None) => {
                    // A password stands before the host.
                    if url.is.contains('@') {
                        self.hidden_value(&url.at)?;
                    }
                    Ok(Store::Redis(url.is.clone()))
                }
                (None, Some(file)) => self.secret_in(file, "url_file").map(Store::Redis),
                (None, None) => Err(self
                    .missing(kind, "a store of the kind \"redis\" needs `url`, such as redis://127.0.0.1/")),
            },
            other => Err(self.missing(
                kind,
                &format!("there is no store of the kind {other:?}: it is \"memory\", \"file\" or \"redis\""),
            )),
        }
    }

    fn missing(&self, at: Option<&Value<String>>, message: &str) -> Fault {
        at.map_or_else(|| Fault::new(message), |value| self.fault(&value.at, message))
    }
}
