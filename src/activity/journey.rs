//! Events of one subscriber in the order of their times, as sessions and by channel.

use super::time::Instant;

/// Numbers the sessions of events in ascending order of time, from 1 on: a new one begins where more than a gap has passed
/// since the event before.
pub fn sessions(times: impl IntoIterator<Item = Instant>, gap: Instant) -> impl Iterator<Item = i32> {
    let mut last = None;
    let mut session = 0;
    times.into_iter().map(move |at| {
        if last.replace(at).is_none_or(|last| at - last > gap) {
            session += 1;
        }
        session
    })
}

/// The channel that an event of a well-known type comes by, where it does not say.
pub fn usual_channel(event_type: &str) -> Option<&'static str> {
    match event_type {
        "email_open" | "email_click" | "sent" | "delivered" | "bounce" | "unsubscribe" | "forward"
        | "reply" | "complaint" => Some("email"),
        "website_visit" | "page_view" | "product_view" | "cart_add" | "cart_abandon" | "download"
        | "form_submit" => Some("website"),
        "social_share" => Some("social"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_where_more_than_the_gap_passes() {
        let numbers = |times: &[Instant]| sessions(times.iter().copied(), 30).collect::<Vec<_>>();
        assert_eq!(numbers(&[0, 10, 40, 71, 71, 200]), [1, 1, 1, 2, 2, 3]);
        assert!(numbers(&[]).is_empty());
        assert_eq!(sessions([5, 5, 6], 0).collect::<Vec<_>>(), [1, 1, 2]);
    }
}
