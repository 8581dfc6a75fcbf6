# The reports scenario of run.sh: a warehouse of REPORTS_EVENTS generated events, a tenth as many visitors with two
# sessions of five events each within 90 days, and many concurrent reports. The rows are inserted directly into the
# warehouse, in chunks. REPORTS_DATA=DIR uses a previously filled data directory, or fills it.

REPORTS_EVENTS=${REPORTS_EVENTS:-20000000}

# query_engine: runs one statement from standard input.
query_engine() {
    curl -sS --fail-with-body "$engine_url/?database=ashna" -H 'x-clickhouse-user: ashna' -H "x-clickhouse-key: $secret" --data-binary @-
}

# fill_reports SITE: random page views and shop events, deterministic except for the day on which they end.
fill_reports() {
    local chunk=1000000 from=0
    while [ "$from" -lt "$REPORTS_EVENTS" ]; do
        query_engine <<SQL
INSERT INTO events (journal, position, site_id, message, kind, name, action, occurred_at, received_at, visitor, session_start, path,
    device, country, channel, source, host, properties, amount_minor, currency)
SELECT 1, number, $1, number, if(draw < 40, 2, 1),
    multiIf(draw < 40, '', draw < 60, 'Product Viewed', draw < 67, 'Product Added', draw < 70, 'Order Completed', 'Slot Viewed'),
    multiIf(draw < 40, 0, draw < 60, 1, draw < 67, 4, draw < 70, 7, 10),
    at, at, reinterpretAsUInt128(sipHash128(intDiv(number, 10))), start, concat('/p/', toString(number % 600)),
    ['desktop', 'mobile', 'tablet'][visit % 3 + 1], ['DE', 'IR', 'US', 'FR', 'GB'][visit % 5 + 1],
    ['Direct', 'Organic Search', 'Paid Search', 'Referral'][visit % 4 + 1], ['', 'google', 'bing', 'example.com'][visit % 4 + 1],
    'shop.example', concat('{"price":', toString(number % 100), '}'),
    if(draw BETWEEN 67 AND 69, 1000 + number % 9000, 0), if(draw BETWEEN 67 AND 69, 'EUR', '')
FROM
(
    SELECT number, cityHash64(number) % 100 AS draw, cityHash64(intDiv(number, 5), 3) AS visit,
        toDateTime64(toStartOfDay(now()), 3, 'UTC') - toIntervalDay(90)
            + toIntervalMillisecond(cityHash64(intDiv(number, 5), 7) % 7770000000) AS start,
        start + toIntervalMillisecond((number % 5) * 60000 + cityHash64(number, 9) % 30000) AS at
    FROM numbers($from, $chunk)
)
SQL
        from=$((from + chunk))
    done
    await_long 1200 has_merged
}

reports_scenario() {
    # Learning from the events is not part of this scenario.
    export ASHNA__LEARN__EVENTS_MAX=1000 ASHNA__LEARN__REFRESH_SECONDS=86400
    [ -z "${REPORTS_DATA:-}" ] || { mkdir -p "$REPORTS_DATA"; ln -s "$(cd "$REPORTS_DATA" && pwd)" "$folder/data"; }
    start_ashna
    # Command line of the engine: engine-child KIND FILE DIRECTORY PORT …
    engine_port=$(tr '\0' '\n' <"/proc/$engine/cmdline" | grep -A 4 '^engine-child$' | tail -n 1)
    secret=$(cat "$folder/data/engine/secret") engine_url=http://127.0.0.1:$engine_port
    local site keys=()
    site=$("$binary" site list --json --data-dir "$folder/data" | node -pe \
        'JSON.parse(require("fs").readFileSync(0)).find((site) => site.demo).site_id')
    [ "$(echo "SELECT count() > 0 FROM events WHERE site_id = $site" | query_engine)" = 1 ] || fill_reports "$site"
    for _ in 1 2; do
        keys+=("$("$binary" key add --site "$site" --scope read --json --data-dir "$folder/data" | node -pe 'JSON.parse(require("fs").readFileSync(0)).key')")
    done
    LOAD_SITE=$site LOAD_KEYS="${keys[*]}" LOAD_ENGINE=$engine_url LOAD_ENGINE_KEY=$secret \
        LOAD_PIDS="$service $engine" node "$here/reports.mjs"
}
