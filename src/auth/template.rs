//! [`Template`]: where a request that cannot go out at once, or goes out again, gets its inner service from.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A copy of the inner service, shared by all clones of the middleware and all requests under way: so a request that goes
/// out once clones no service.
pub(super) struct Template<S>(Arc<OnceLock<Mutex<S>>>);

impl<S> Template<S> {
    /// Of a service that is copied with the first request.
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }
}

impl<S: Clone> Template<S> {
    /// The handle for a request to this service.
    pub(super) fn of(&self, service: &S) -> Self {
        self.0.get_or_init(|| Mutex::new(service.clone()));
        self.clone()
    }

    /// Another instance of the service, which is not ready yet.
    pub(super) fn instance(&self) -> S {
        let copy = self.0.get().expect("a request's handle comes from `of`");
        // A service whose clone panicked is no worse for it.
        copy.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S> Clone for Template<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
