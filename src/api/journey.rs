//! What one subscriber did, in the order of time.

use crate::activity::VALID_TIMES;
use crate::pg::journey::{self, Wanted};
use crate::pg::report::{invalid, required};
use crate::pg::spi::instant;
use crate::pg::{guc, registry};
use pgrx::datum::Interval;
use pgrx::prelude::*;

/// All events of a subscriber over all sources, up to now or to another instant, with the rights of the caller and under the
/// policies that hold for them. A session ends where more than `gap` passes without an event.
#[pg_extern(sql = r#"
CREATE FUNCTION segment.journey(subscriber text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, gap interval DEFAULT '30 minutes')
RETURNS TABLE (occurred_at timestamptz, session integer, event_type text, channel text, value numeric, properties jsonb, source regclass)
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn journey(
    subscriber: Option<String>,
    since: Option<TimestampWithTimeZone>,
    until: Option<TimestampWithTimeZone>,
    gap: Option<Interval>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let subscriber = required(subscriber, "subscriber");
    let gap = i64::try_from(required(gap, "gap").as_micros()).unwrap_or(i64::MAX);
    if gap < 0 {
        invalid(
            "gap must not be negative",
            "Pass a time without events that ends a session, such as '30 minutes'.",
        );
    }
    let since = since.map_or(VALID_TIMES.start, instant);
    let until = until.map_or_else(guc::statement_now, instant);
    let wanted = Wanted { subscriber: &subscriber, times: since..=until, gap };
    // SAFETY: declared as above.
    unsafe { journey::fill(fcinfo, &registry::visible(), wanted) };
}
