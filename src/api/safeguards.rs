//! Safeguards: what keeps members from moving in and out at once.

use super::segment::{add_streams, existing, plan, sweep};
use crate::pg::owner::Acting;
use crate::pg::report::{Refusal, required, value_of};
use crate::pg::spi::{connect, connect_at_latest};
use crate::pg::types::JsonbArgument;
use crate::pg::{change, hold, transaction};
use pgrx::prelude::*;
use std::rc::Rc;

/// Gives a segment safeguards in the place of those that it has, or takes them away with NULL, while writers go on,
/// committing in between. After a crash or an error the same call goes on where that one ended.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.set_safeguards(segment text, safeguards jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn set_safeguards(
    segment: Option<String>,
    safeguards: Option<JsonbArgument>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, "segment.set_safeguards") };
    let segment = required(segment, "segment");
    let text = safeguards.map(|safeguards| safeguards.text());
    let registry = change::begin_online_at_now("set_safeguards");
    let parsed = text.as_ref().map(|text| Rc::new(value_of(registry.parse_safeguards(text))));
    let definition = existing(&registry, &segment).clone();
    if !resumes(definition.id, text.as_deref()) {
        let _acting = Acting::as_owner();
        let (id, criteria) = (Some(definition.id), definition.criteria);
        let number = add_streams(plan(&registry, id, &segment, criteria, definition.zone, parsed));
        connect(|session| {
            session.modify(
                "UPDATE segment.definition SET safeguards = $2::jsonb, changing = $3, criteria_before = NULL WHERE segment_id = $1",
                &[(definition.id as i32).into(), text.into(), number.into()],
            )
        });
    }
    sweep(&segment, "set_safeguards");
}

/// Puts a segment on hold, when everybody is brought to now: from then on nobody moves in or out but by hand. Commits in
/// between; after a crash or an error the same call goes on where that one ended.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.hold_segment(segment text)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn hold_segment(segment: Option<String>, fcinfo: pg_sys::FunctionCallInfo) {
    change_hold(segment, "hold_segment", true, fcinfo);
}

/// Lets people move in and out of a segment on hold again, and those at once who waited for it, while writers go on,
/// committing in between. After a crash or an error the same call goes on where that one ended.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.resume_segment(segment text)
LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn resume_segment(segment: Option<String>, fcinfo: pg_sys::FunctionCallInfo) {
    change_hold(segment, "resume_segment", false, fcinfo);
}

fn change_hold(segment: Option<String>, what: &str, on_hold: bool, fcinfo: pg_sys::FunctionCallInfo) {
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, &format!("segment.{what}")) };
    let segment = required(segment, "segment");
    let registry = change::begin_online_at_now(what);
    let id = existing(&registry, &segment).id;
    let acting = Acting::as_owner();
    let changes = hold::change(id as i32, on_hold);
    drop(acting);
    if changes {
        sweep(&segment, what);
    } else {
        pgrx::notice!("segment \"{segment}\" is {} already", if on_hold { "on hold" } else { "in motion" });
    }
}

/// Whether an earlier call left the same change unfinished; 55000 for a segment that is still being filled, by its criteria
/// alone.
fn resumes(id: u32, safeguards: Option<&str>) -> bool {
    let _acting = Acting::as_owner();
    let (filling, same) = connect_at_latest(|session| {
        let rows = session.select_once(
            "SELECT NOT ready, changing IS NOT NULL AND safeguards IS NOT DISTINCT FROM $2::jsonb
             FROM segment.definition WHERE segment_id = $1",
            &[(id as i32).into(), safeguards.map(str::to_owned).into()],
        );
        (rows.value::<bool>(0, 1), rows.value::<bool>(0, 2))
    });
    if filling {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "a segment gets safeguards when it is filled",
        )
        .hint("Call segment.create_segment_concurrently again with the same criteria, to complete it.")
        .raise();
    }
    same
}
