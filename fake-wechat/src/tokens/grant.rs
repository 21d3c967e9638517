//! What token endpoints grant.

use std::{sync::Arc, time::Duration};

use super::{Issued, Space, Tokens};
use crate::rules::token_text;

/// A stable token is renewed when no more than this is left of it, and never handed out with less.
const STABLE_MARGIN: Duration = Duration::from_secs(300);

/// What a token endpoint is asked for.
pub(crate) struct Ask<'a> {
    pub(crate) space: Space,
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) forced: bool,
    /// Mint this text, whatever there is.
    pub(crate) text: Option<String>,
}

pub(crate) struct Granted {
    pub(crate) text: Arc<str>,
    pub(crate) left: Duration,
}

impl Tokens {
    /// What a token endpoint does with a complete request.
    pub(crate) fn ask(&mut self, ask: Ask<'_>, now: Duration) -> Result<Granted, i64> {
        let account = self.find(ask.id, ask.secret, ask.space == Space::WeCom)?;
        self.forced_requests += u64::from(ask.forced);
        let rules = self.rules.clone();
        if rules.refuses_ip {
            return Err(if ask.space == Space::WeCom { 60020 } else { 40164 });
        }
        let desk = &mut self.accounts[account].desks[usize::from(ask.space == Space::Stable)];
        let quota = match ask.space {
            Space::Classic => rules.classic_quota,
            Space::Stable => rules.stable_quota,
            Space::WeCom => u32::MAX,
        };
        desk.calls.take(quota, now)?;
        let present = desk.current.clone().filter(|_| ask.text.is_none());
        let left = present
            .as_ref()
            .and_then(|text| self.issued.get(text))
            .map_or(Duration::ZERO, |issued| issued.expires.saturating_sub(now));
        let present = present.map(|text| Granted { text, left });

        let mut overlap = rules.overlap;
        match (ask.space, present) {
            (Space::Stable, Some(present)) if ask.forced => {
                let too_soon = |at: Duration| now.saturating_sub(at) < rules.forced_spacing;
                if desk.forced_at.is_some_and(too_soon) && !left.is_zero() {
                    return Ok(present);
                }
                overlap = rules.forced_overlap;
            }
            (Space::Stable, Some(present)) if left > STABLE_MARGIN => return Ok(present),
            (Space::WeCom, Some(present)) if !left.is_zero() && !rules.wecom_mints_anew => {
                return Ok(present);
            }
            _ => {}
        }
        if ask.forced {
            desk.forced.take(rules.forced_quota, now)?;
            desk.forced_at = Some(now);
        }
        let text = ask.text.map_or_else(token_text, Arc::from);
        self.accounts[account].mints += 1;
        Ok(self.mint(account, ask.space, text, overlap, now))
    }

    fn mint(
        &mut self,
        account: usize,
        space: Space,
        text: Arc<str>,
        overlap: Duration,
        now: Duration,
    ) -> Granted {
        self.generation += 1;
        let left = self.rules.token_life;
        let desk = &mut self.accounts[account].desks[usize::from(space == Space::Stable)];
        if let Some(before) = desk.current.replace(text.clone()).filter(|before| *before != text)
            && space != Space::WeCom
            && let Some(before) = self.issued.get_mut(&before)
        {
            before.superseded = Some(now.saturating_add(overlap));
        }
        self.issued.insert(
            text.clone(),
            Issued {
                account,
                generation: self.generation,
                expires: now.saturating_add(left),
                superseded: None,
                ended: None,
            },
        );
        Granted { text, left }
    }

    /// A classic token for somebody else, which takes the account's present one out of use. It is not counted.
    pub(crate) fn mint_elsewhere(&mut self, id: &str, now: Duration) -> Option<Arc<str>> {
        let account = self.official(id).ok()?;
        let overlap = self.rules.overlap;
        Some(self.mint(account, Space::Classic, token_text(), overlap, now).text)
    }
}
