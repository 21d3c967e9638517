//! The apps.

use tower_wechat::{AppSecret, Platform};

use super::Checker;
use crate::config::{
    App, Kind,
    place::{Fault, Value},
    raw,
};

impl Checker<'_> {
    pub(super) fn apps(&self, raw: &[Value<raw::App>]) -> Result<Vec<App>, Fault> {
        let mut apps: Vec<App> = Vec::new();
        for app in raw {
            let checked = self.app(app)?;
            if apps.iter().any(|before| before.id == checked.id) {
                let at = app.is.id.as_ref().map_or(&app.at, |id| &id.at);
                return Err(self.fault(
                    at,
                    format!("app {} is named twice: leave one of them out", checked.id.as_str()),
                ));
            }
            apps.push(checked);
        }
        if apps.is_empty() {
            let message = "there is no app: add `[[app]]` with `id` and `secret_file`, or set WECHAT_HUB_APP_ID and \
                           WECHAT_HUB_APP_SECRET";
            return Err(match self.source.path() {
                Some(path) => Fault::new(format!("{}: {message}", path.display())),
                None => Fault::new(message),
            });
        }
        Ok(apps)
    }

    fn app(&self, app: &Value<raw::App>) -> Result<App, Fault> {
        let raw::App { id, kind, secret, secret_file, base_url, keep_warm } = &app.is;
        let id = id
            .as_ref()
            .ok_or_else(|| self.fault(&app.at, "the app has no `id`, such as wx0123456789abcdef"))?;
        if id.is.is_empty()
            || id.is.len() > 128
            || !id.is.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
        {
            return Err(self.fault(
                &id.at,
                "an app's `id` has 1 to 128 letters, digits and signs, without space and slashes",
            ));
        }
        let name = &id.is;
        let kind = match kind.as_ref().map(|kind| (kind.is.as_str(), &kind.at)) {
            None | Some(("stable", _)) => Kind::Stable,
            Some(("classic", _)) => Kind::Classic,
            Some(("wecom", _)) => Kind::WeCom,
            Some((other, at)) => {
                let message = format!(
                    "app {name}: there is no kind {other:?}: it is \"stable\", \"classic\" or \"wecom\""
                );
                return Err(self.fault(at, message));
            }
        };
        let (secret, secret_file) = match (secret, secret_file) {
            (Some(_), Some(file)) => {
                return Err(self.fault(
                    &file.at,
                    format!("app {name}: `secret` and `secret_file` are both there: leave one out"),
                ));
            }
            (Some(secret), None) => {
                self.hidden_value(&secret.at)?;
                (secret.is.clone(), None)
            }
            (None, Some(file)) => (self.secret_in(file, "secret_file")?, Some(self.path(&file.is))),
            (None, None) => {
                return Err(
                    self.fault(&id.at, format!("app {name} has no secret: name a `secret_file` that has it"))
                );
            }
        };
        if secret.is_empty() {
            return Err(self.fault(&id.at, format!("the secret of app {name} is empty")));
        }
        if secret.len() > 512 || secret.chars().any(|c| c.is_whitespace() || c.is_control()) {
            let message = format!(
                "the secret of app {name} can be none: it has white space in it, or more than 512 bytes"
            );
            return Err(self.fault(&id.at, message));
        }
        if let Some(url) = base_url {
            let checked = Platform::wechat().with_origin(&url.is);
            checked.map_err(|error| self.fault(&url.at, format!("app {name}: `base_url`: {error}")))?;
        }
        Ok(App {
            id: name.into(),
            kind,
            secret: AppSecret::from(secret),
            secret_file,
            base_url: base_url.as_ref().map(|url| url.is.clone()),
            keep_warm: keep_warm.as_ref().is_none_or(|keep| keep.is),
        })
    }
}
