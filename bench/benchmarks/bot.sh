# A subscriber with 1,000,000 events: time of its one-row transactions against those of an ordinary one.
NAMES+=(bot)

bench_bot() {
  need bot
  alternate write_as ordinary bot
  report bot "<= 3" ordinary bot
}

# The bot is subscriber 0.
make_bot() {
  need attached
  clone attached bot
  stage bot visits "$(scaled 1000000)" 0 1 90
  psql -q -d bot -v staged=visits -f "$BENCH/insert_select.sql"
}

write_as() {
  local subscriber
  [ "$1" = bot ] && subscriber=0 || subscriber=1
  throughput bot $subscriber $subscriber -c 1 -T 3
  prove bot
}
