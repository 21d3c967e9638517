//! Whatever the chunks, the pauses and the moment: the second send is the original.

use proptest::{collection::vec, prelude::*};

use super::*;

/// What a body sent: bytes, trailers, and whether it came to its end.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    bytes: Vec<u8>,
    trailers: Option<HeaderMap>,
    ended: bool,
}

/// Polls so many times at most.
fn read(sent: &mut Sent, polls: usize) -> Seen {
    let mut seen = Seen::default();
    for _ in 0..polls {
        let ended = sent.is_end_stream();
        let announced = sent.size_hint().exact();
        let polled = poll(sent);
        assert!(!ended || matches!(polled, Poll::Ready(None)), "ended before its end");
        match polled {
            Poll::Pending => assert!(sent.is_woken()),
            Poll::Ready(None) => {
                seen.ended = true;
                break;
            }
            Poll::Ready(Some(frame)) => match frame.unwrap().into_data() {
                Ok(data) => {
                    let left = sent.size_hint().exact();
                    assert_eq!(left, announced.map(|size| size - data.len() as u64));
                    seen.bytes.extend(data);
                }
                Err(frame) => seen.trailers = frame.into_trailers().ok(),
            },
        }
    }
    seen
}

proptest! {
    #[test]
    fn the_second_send_is_the_original(
        // The pauses before each chunk, and its bytes.
        chunks in vec((0..3_usize, vec(any::<u8>(), 0..20)), 0..12),
        has_trailers: bool,
        known: bool,
        polls in 0..50_usize,
        limit in prop::option::of(0..100_usize),
    ) {
        let original: Vec<u8> = chunks.iter().flat_map(|(_, data)| data.clone()).collect();
        let limit = limit.unwrap_or(original.len());
        let (feed, mut first, replay) = recorded(known.then_some(original.len() as u64), limit);
        for (pauses, data) in &chunks {
            (0..*pauses).for_each(|_| feed.step(Step::Wait));
            feed.data(data);
        }
        let expected = Seen {
            bytes: original,
            trailers: has_trailers.then(trailers),
            ended: true,
        };
        if has_trailers {
            feed.step(Step::Trailers(trailers()));
        }
        drop(feed);

        let size = first.size_hint().exact();
        let full: Vec<_> = chunks.iter().map(|(_, data)| data.len()).filter(|length| *length > 0).collect();
        let seen = read(&mut first, polls);
        prop_assert!(expected.bytes.starts_with(&seen.bytes));
        // Where the size is not known, a first chunk may be the whole until the next one comes.
        let one_chunk = if known { full.len() <= 1 } else { full.first().is_none_or(|first| seen.bytes.len() <= *first) };
        // A body that says itself that it is too long is not recorded at all.
        let too_long = known && expected.bytes.len() > limit && !seen.bytes.is_empty();
        let fits = one_chunk || (seen.bytes.len() <= limit && !too_long);
        prop_assert_eq!(replay.check(), if fits { Ok(()) } else { Err(NotReplayable::TooLarge) });
        if let Ok(second) = replay.take() {
            let mut second = task::spawn(second);
            prop_assert_eq!(second.size_hint().exact(), size);
            prop_assert_eq!(read(&mut second, usize::MAX), expected);
            prop_assert!(matches!(poll(&mut first), Poll::Ready(Some(Err(_)))));
        } else {
            let rest = read(&mut first, usize::MAX);
            prop_assert_eq!([seen.bytes, rest.bytes].concat(), expected.bytes);
            prop_assert_eq!(seen.trailers.or(rest.trailers), expected.trailers);
        }
    }
}
