//! The rate limit: generic cell rate algorithm (ITU-T I.371) as one script, on the clock of Redis.

use std::{sync::LazyLock, time::Duration};

use redis::{Script, ScriptInvocation};
use vutf_kernel::{RateDecision, RateLimit};

/// Whole microseconds throughout: they stay exact in Lua's doubles until the year 2255.
///
/// The stored value is the theoretical arrival time. It is clamped to one period ahead, so that a clock that was set
/// back (a failover) does not lock a caller out for longer than that.
static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local burst, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local interval = math.max(1, math.floor(period / burst))
local arrival = tonumber(redis.call('GET', KEYS[1])) or now
local ahead = math.min(math.max(arrival - now, 0), period)
local after = ahead + interval
if after > period then
  return {0, 0, after - period, ahead}
end
redis.call('SET', KEYS[1], string.format('%.0f', now + after), 'PX', math.ceil(after / 1000))
return {1, math.floor((period - after) / interval), 0, after}
",
    )
});

/// Periods longer than this count as this long; the arithmetic stays exact.
const LONGEST_PERIOD: Duration = Duration::from_hours(24 * 366);

/// What the script answers: allowed, remaining, microseconds to wait, microseconds until the burst is free.
pub(crate) type Answer = (u8, u64, u64, u64);

pub(crate) fn invocation(key: &str, limit: RateLimit) -> ScriptInvocation<'static> {
    let period = limit.period.clamp(Duration::from_millis(1), LONGEST_PERIOD);
    let mut invocation = SCRIPT.prepare_invoke();
    invocation
        .key(key)
        .arg(limit.burst.max(1))
        .arg(u64::try_from(period.as_micros()).unwrap_or(u64::MAX));
    invocation
}

pub(crate) fn decision((allowed, remaining, wait, reset): Answer) -> RateDecision {
    RateDecision {
        allowed: allowed == 1,
        remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
        retry_after: Duration::from_micros(wait),
        reset_after: Duration::from_micros(reset),
    }
}
