//! Pointers to issuers are issuers.

use std::sync::Arc;

use super::{AccountKey, Allowance, Issuer, Mint, MintFuture, News};
use crate::{error::TokenError, platform::Platform, secret::Fingerprint};

/// An issuer that stands for another.
macro_rules! forward {
    ($pointer:ident) => {
        impl<I: Issuer + ?Sized> Issuer for $pointer<I> {
            fn mint(&self, how: Mint) -> MintFuture<'_> {
                (**self).mint(how)
            }

            fn platform(&self) -> &Platform {
                (**self).platform()
            }

            fn account(&self) -> AccountKey {
                (**self).account()
            }

            fn mints_are_independent(&self) -> bool {
                (**self).mints_are_independent()
            }

            fn refreshes(&self) -> Allowance {
                (**self).refreshes()
            }

            fn can_force(&self) -> bool {
                (**self).can_force()
            }

            fn credential(&self) -> Option<Fingerprint> {
                (**self).credential()
            }

            fn was_mended(&self, failure: &TokenError) -> bool {
                (**self).was_mended(failure)
            }

            fn listen(&self) -> Option<Box<dyn News>> {
                (**self).listen()
            }
        }
    };
}

forward!(Box);
forward!(Arc);

#[cfg(test)]
mod tests {
    use std::{future::ready, time::Duration};

    use super::*;
    use crate::{error::ErrorKind, issuer::Minted, token::AccessToken};

    /// Says of everything the opposite of what an issuer says that says nothing.
    struct Peculiar(Platform);

    impl Issuer for Peculiar {
        fn mint(&self, how: Mint) -> MintFuture<'_> {
            Box::pin(ready(Ok(Minted::new(format!("forced: {}", how.is_forced()), Duration::from_secs(7)))))
        }

        fn platform(&self) -> &Platform {
            &self.0
        }

        fn account(&self) -> AccountKey {
            AccountKey::new("peculiar", "", "wx", None)
        }

        fn mints_are_independent(&self) -> bool {
            true
        }

        fn refreshes(&self) -> Allowance {
            Allowance::new(7, Duration::from_secs(7))
        }

        fn can_force(&self) -> bool {
            true
        }

        fn credential(&self) -> Option<Fingerprint> {
            Some(Fingerprint::of("peculiar"))
        }

        fn was_mended(&self, failure: &TokenError) -> bool {
            failure.kind() == ErrorKind::Token
        }

        fn listen(&self) -> Option<Box<dyn News>> {
            Some(Box::new(Nothing))
        }
    }

    struct Nothing;

    impl News for Nothing {
        fn next<'a>(&'a mut self, _: Option<&'a AccessToken>) -> MintFuture<'a> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn a_pointer_to_an_issuer_is_that_issuer() {
        let peculiar = || Peculiar(Platform::suite());
        let boxed: Box<dyn Issuer> = Box::new(peculiar());
        let shared: Arc<dyn Issuer> = Arc::new(peculiar());
        for issuer in [&boxed as &dyn Issuer, &shared, &Box::new(peculiar()), &Arc::new(Box::new(peculiar()))]
        {
            assert_eq!(issuer.mint(Mint::normal().forced()).await.unwrap().text, "forced: true");
            assert_eq!(issuer.platform().parameter(), "suite_access_token");
            assert_eq!(issuer.account(), peculiar().account());
            assert_eq!(issuer.refreshes(), peculiar().refreshes());
            assert_eq!(issuer.credential(), peculiar().credential());
            assert!(issuer.mints_are_independent() && issuer.can_force() && issuer.listen().is_some());
            assert!(issuer.was_mended(&TokenError::permanent("")));
            assert!(!issuer.was_mended(&TokenError::new(ErrorKind::Closed, "")));
        }
        drop((crate::TokenCache::new(boxed), crate::TokenCache::new(shared)));
    }
}
