//! What can be set on each of the built-in issuers.

/// The settings of the client of a struct around a part that has one.
macro_rules! client_settings {
    ($issuer:ident, $part:ident, $note:literal) => {
        impl $issuer {
            /// Asks through this client instead of the built-in one: another TLS set-up, an outgoing proxy, a test.
            ///
            /// It is a tower service, or a `reqwest::Client` with the feature `reqwest`; see
            /// [`HttpClient`](crate::issuer::HttpClient). It takes the place of `root_certificates_pem`.
            ///
            /// ```
            /// use bytes::Bytes;
            /// use http_body_util::Full;
            /// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
            /// use tower_wechat::issuer::StableToken;
            ///
            /// let http = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
            /// let issuer = StableToken::new("wx0123456789abcdef", "the-app-secret")
            ///     .http_client(http);
            /// # drop(issuer);
            /// ```
            ///
            /// The requests have the secret in them, so it should neither log URLs nor follow redirects; one that
            /// reqwest followed is an error. Of its errors only those texts are shown that quote nothing of the request.
            /// It needs no time-out of its own:
            #[doc = $note]
            #[must_use]
            pub fn http_client<R>(mut self, client: impl $crate::issuer::HttpClient<R>) -> Self {
                self.$part = self.$part.through(client.into_client());
                self
            }

            /// Trusts servers with a certificate below one of these as well, in PEM, besides those below Mozilla's roots:
            /// an outgoing proxy that looks into TLS, a private deployment.
            ///
            /// Called again, it adds to those before. It takes the place of an `http_client`, and the issuer has a
            /// built-in client to itself. Certificates count for the endpoint and for a proxy that is spoken to over TLS.
            ///
            /// ```no_run
            /// use tower_wechat::issuer::StableToken;
            ///
            /// let pem = std::fs::read("/etc/ssl/our-proxy.pem")?;
            /// let issuer = StableToken::new("wx0123456789abcdef", "the-app-secret")
            ///     .root_certificates_pem(&pem)?;
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the text has no certificate in it, or one that cannot
            /// be read.
            #[cfg(feature = "https")]
            pub fn root_certificates_pem(mut self, pem: &[u8]) -> Result<Self, $crate::error::Error> {
                self.$part = self.$part.trusting(pem)?;
                Ok(self)
            }
        }
    };
}
pub(super) use client_settings;

/// The settings of a built-in issuer, a struct around an `Endpoint`.
macro_rules! settings {
    ($issuer:ident) => {
        $crate::issuer::settings::client_settings!($issuer, endpoint, "the cache has one.");

        impl $issuer {
            /// Asks another base URL: a regional name, a proxy with a fixed address, a private deployment, a test. With or
            /// without a slash at its end; a path in it goes before the endpoint's own.
            ///
            /// Its origin is one that tokens may go to from now on, below that path if it has one.
            ///
            /// WeChat's own names (`api`, `api2`, `sh.api`, `sz.api`, `hk.api`, all below `.weixin.qq.com`:
            /// <https://developers.weixin.qq.com/doc/service/Basic_Information/Interface_field_description.html>) are one
            /// account in caches and stores, for they have their tokens in common. Any other base URL is an account of its
            /// own, however it is spelt (case of the host, the usual port, slashes at its end).
            ///
            /// ```
            /// use tower_wechat::{ErrorKind, issuer::StableToken};
            ///
            /// let issuer = || StableToken::new("wx0123456789abcdef", "the-app-secret");
            /// issuer().base_url("https://sh.api.weixin.qq.com")?; // Shanghai's name
            /// issuer().base_url("https://gateway.example/wechat")?;
            /// issuer().base_url("http://127.0.0.1:8640")?; // a fake, for tests
            ///
            /// let error = issuer().base_url("http://gateway.example").unwrap_err();
            /// assert_eq!(error.kind(), ErrorKind::Config);
            /// # Ok::<(), tower_wechat::Error>(())
            /// ```
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Config`](crate::ErrorKind::Config) for anything but `https://host[:port][/prefix]`, or the
            /// same with `http` and a loopback host.
            pub fn base_url(mut self, url: &str) -> Result<Self, $crate::error::Error> {
                self.endpoint = self.endpoint.at(url)?;
                Ok(self)
            }

            /// Asks another base URL, by plain `http` if it says so: **whoever can listen on the way can take the secret and
            /// the token**. For a private deployment in a network of your own; otherwise as [`base_url`](Self::base_url).
            ///
            /// ```
            /// use tower_wechat::issuer::WeCom;
            ///
            /// let issuer = WeCom::new("ww0123456789abcdef", "the-corp-secret")
            ///     .dangerous_plain_http_base_url("http://wecom.corp.example:8080")?;
            /// # drop(issuer);
            /// # Ok::<(), tower_wechat::Error>(())
            /// ```
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Config`](crate::ErrorKind::Config) for anything but `http://host[:port][/prefix]` or the same
            /// with `https`.
            pub fn dangerous_plain_http_base_url(mut self, url: &str) -> Result<Self, $crate::error::Error> {
                self.endpoint = self.endpoint.dangerously_at(url)?;
                Ok(self)
            }

            /// The tokens are of this family: they go to its hosts, in its parameter, and its codes say that one was
            /// rejected. In any order with [`base_url`](Self::base_url), whose origin is added to the family's.
            ///
            /// ```
            /// use tower_wechat::{Platform, issuer::WeCom};
            ///
            /// let platform = Platform::wecom().with_exempt_path("/cgi-bin/report/");
            /// let issuer = WeCom::new("corp id", "corp secret").with_platform(platform);
            /// # drop(issuer);
            /// ```
            #[must_use]
            pub fn with_platform(mut self, platform: $crate::platform::Platform) -> Self {
                self.endpoint = self.endpoint.of_family(platform);
                self
            }

            /// Where to read the secret again once the endpoint has refused it: a file or a vault, after a rotation.
            ///
            /// Called once for each refusal, and while the cache holds back after one, at most once a second
            /// ([`Issuer::was_mended`](crate::issuer::Issuer::was_mended)). It is called on the runtime, so it should not block
            /// for long. A secret other than the refused one is tried at once and kept.
            ///
            /// A WeChat account's name in caches and stores has no secret in it and stays the same. A WeCom account's is made
            /// from the first secret, for agents of one corp differ by nothing else, so that processes that start with the
            /// new secret are another account than those that started with the old one.
            ///
            /// ```
            /// use std::fs;
            /// use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
            ///
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
            /// # let wechat = FakeWeChat::start().await;
            /// # let file = std::env::temp_dir().join(format!("secret-{}", std::process::id()));
            /// # fs::write(&file, FakeWeChat::APP_SECRET)?;
            /// # let path = file.clone(); // such as /run/secrets/wechat
            /// let issuer = StableToken::new(FakeWeChat::APP_ID, "the-old-secret")
            ///     .base_url(&wechat.url())?
            ///     .secret_source(move || {
            ///         fs::read_to_string(&path).unwrap_or_default().trim().into()
            ///     });
            /// // WeChat refuses the old secret, and the file has the new one.
            /// TokenCache::new(issuer).token().await?;
            /// assert_eq!(wechat.token_requests(), 2);
            /// # fs::remove_file(file)?;
            /// # Ok(())
            /// # }
            /// ```
            #[must_use]
            pub fn secret_source(
                mut self,
                source: impl Fn() -> $crate::secret::AppSecret + Send + Sync + 'static,
            ) -> Self {
                self.endpoint = self.endpoint.with_source(source);
                self
            }
        }

        impl std::fmt::Debug for $issuer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.endpoint.debug(stringify!($issuer), f)
            }
        }
    };
}
pub(super) use settings;
