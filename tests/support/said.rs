//! Events and spans as the code declares them: with all the fields that they can have.

use std::sync::{Arc, Mutex};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{Layer, Registry, layer::Context, prelude::*, registry::LookupSpan};

/// An event or a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub is_span: bool,
    pub level: Level,
    pub target: &'static str,
    /// An event's message, a span's name.
    pub text: String,
    pub fields: Vec<&'static str>,
}

impl Said {
    fn new(metadata: &'static Metadata<'static>) -> Self {
        let fields = metadata.fields().iter().map(|field| field.name());
        Self {
            is_span: metadata.is_span(),
            level: *metadata.level(),
            target: metadata.target(),
            text: metadata.name().to_owned(),
            fields: fields.filter(|name| *name != "message").collect(),
        }
    }
}

/// What is said meanwhile on this thread below a target that begins so.
pub fn listen<T>(target: &'static str, meanwhile: impl FnOnce() -> T) -> (T, Vec<Said>) {
    let ear = Ear { target, heard: Arc::default() };
    let done = tracing::subscriber::with_default(Registry::default().with(ear.clone()), meanwhile);
    let heard = std::mem::take(&mut *ear.heard.lock().unwrap());
    (done, heard)
}

#[derive(Clone)]
struct Ear {
    target: &'static str,
    heard: Arc<Mutex<Vec<Said>>>,
}

impl Ear {
    fn hear(&self, said: Said) {
        if said.target.starts_with(self.target) {
            self.heard.lock().unwrap().push(said);
        }
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Ear {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.hear(Said::new(attributes.metadata()));
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::new(event.metadata());
        event.record(&mut Message(&mut said.text));
        self.hear(said);
    }
}

struct Message<'a>(&'a mut String);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            *self.0 = format!("{value:?}");
        }
    }
}
