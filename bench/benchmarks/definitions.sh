# What definitions cost by themselves: their first use in a new session, and one evaluation of all of them.
NAMES+=(first_use evaluate)

# Milliseconds that the first statement of a session takes that needs 1,000 definitions.
bench_first_use() {
  local run
  need many_segments
  forget
  for ((run = 1; run <= RUNS; run++)); do
    FIGURES[first]+="$(milliseconds many_segments -c "SELECT segment.validate('{}')") "
  done
  report first_use_ms "<= 50 ms" first 1
}

# Microseconds for each stored state that is read and evaluated against 500 segments.
bench_evaluate() {
  local run subscribers
  need attached
  subscribers=$(value attached "SELECT count(*) FROM segment.state")
  warm attached
  forget
  for ((run = 1; run <= RUNS; run++)); do
    FIGURES[all]+="$(milliseconds attached -c "SELECT count(segment._segments(v.version, s.version, s.subscriber, s.evaluated_at, s.activity, s.recent, s.profile, s.held, s.members, s.manual, s.memory, s.evaluated_at))
      FROM segment.state s, segment.version v" | awk -v n="$subscribers" '{ print $1 * 1000 / n }') "
  done
  report evaluate_us "<= 10 us" all 1
}
