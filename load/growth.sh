# The growth scenario of run.sh: a warehouse filled with generated clicks, then the service on it. Measures reading and
# building the index, tuning, memory, and `GET /v1/recommend` before and during rebuilds. The rows are inserted directly
# into the warehouse: collecting events is measured by another scenario, and ten million would take minutes.

# stop_ashna: stops the service and waits until it has exited; its data are kept.
stop_ashna() {
    kill "$service"
    wait "$service" 2>/dev/null || true
}

# await_long SECONDS COMMAND…
await_long() {
    local end=$((SECONDS + $1)); shift
    while [ "$SECONDS" -lt "$end" ]; do
        "$@" && return
        kill -0 "$service" 2>/dev/null || { echo "load: the service has ended" >&2; tail -5 "$folder/ashna.log" >&2; exit 1; }
        sleep 0.2
    done
    echo "load: no success in time: $*" >&2
    tail -5 "$folder/ashna.log" >&2
    exit 1
}

# log_lines MESSAGE: log lines with this message about the site, oldest first.
log_lines() { sed 's/\x1b\[[0-9;]*m//g' "$folder/ashna.log" | grep -E "(DEBUG|INFO) $1 site=$site( |\$)" || true; }
has_learned() { [ "$(log_lines learned | wc -l)" -ge "${1:-1}" ]; }
is_tuned() { [ -n "$(log_lines tuned)" ]; }
# No build is running and none was started for a while.
is_calm() {
    local builds_started; builds_started=$(log_lines learning | wc -l)
    [ "$builds_started" = "$(log_lines learned | wc -l)" ] || return 1
    sleep $((learned_ms / 1000 + 8))
    [ "$builds_started" = "$(log_lines learning | wc -l)" ]
}

# ms_of FIELD: a duration from a line on standard input, `took=1.25s` or `took=250.1ms`.
ms_of() {
    grep -oE "$1=[0-9.]+(s|ms|µs)" | tail -n 1 | sed -E 's/.*=//; s/µs$/ 0.001/; s/ms$/ 1/; s/s$/ 1000/' | awk '{ printf "%d", $1 * $2 }'
}

seconds_of() { awk -v ms="$1" 'BEGIN { printf "%.1f", ms / 1000 }'; }

# The engine's background merges are not part of the measurement.
has_merged() {
    local left
    left=$(curl -s "http://127.0.0.1:$engine_port/" -H 'x-clickhouse-user: ashna' -H "x-clickhouse-key: $secret" \
        --data-binary 'SELECT count() FROM system.merges') || return 1
    [ "$left" = 0 ]
}

# fill CLICKS: inserts catalog and clicks, before anything is learned.
fill() {
    node "$here/growth.mjs" items "$1" >"$folder/items.ndjson"
    "$binary" import items "$folder/items.ndjson" --site "$site" --json --data-dir "$folder/data" >"$folder/import.json"
    node -e 'for (const l of require("fs").readFileSync(0, "utf8").trim().split("\n")) console.log(JSON.parse(l).id)' \
        <"$folder/items.ndjson" >"$LOAD_ITEMS"
    # Command line of the engine: engine-child KIND FILE DIRECTORY PORT …
    engine_port=$(tr '\0' '\n' <"/proc/$engine/cmdline" | grep -A 4 '^engine-child$' | tail -n 1)
    secret=$(cat "$folder/data/engine/secret")
    local columns='journal,position,site_id,message,kind,name,action,occurred_at,received_at,visitor,session_start,items,category'
    local url="http://127.0.0.1:$engine_port/?database=ashna&query=INSERT%20INTO%20events%20($columns)%20FORMAT%20TSV"
    local answer
    answer=$(node "$here/growth.mjs" events "$1" "$site" | curl -sS -X POST -T - "$url" \
        -H 'x-clickhouse-user: ashna' -H "x-clickhouse-key: $secret") || { echo "load: the clicks were not stored" >&2; exit 1; }
    [ -z "$answer" ] || { echo "load: $answer" >&2; exit 1; }
}

# median FIELD FILE: median of the rounds.
median() {
    node -e 'const [field, file] = process.argv.slice(1);
        const all = require("fs").readFileSync(file, "utf8").trim().split("\n").map((l) => JSON.parse(l)[field]).sort((a, b) => a - b);
        console.log(all[Math.floor(all.length / 2)].toFixed(1))' "$1" "$2"
}

growth_of() {
    local clicks=$1 begun fill_s
    rm -rf "$folder/data" "$folder/before.json" "$folder/during.json"
    export LOAD_ITEMS=$folder/items.txt
    # Read once per day: the first build must start with all events.
    export ASHNA__LEARN__REFRESH_SECONDS=86400 ASHNA__LEARN__EVENTS_MAX=$((clicks + 1000000))
    export ASHNA__LEARN__REST_FACTOR=0
    start_ashna
    site=$("$binary" site list --json --data-dir "$folder/data" | node -pe \
        'JSON.parse(require("fs").readFileSync(0)).find((site) => site.demo).site_id')
    begun=$SECONDS
    fill "$clicks"
    fill_s=$((SECONDS - begun))
    await_long 600 has_merged
    stop_ashna

    export ASHNA__LEARN__REFRESH_SECONDS=1
    LOG=warn,ashna::learn=debug start_ashna
    await_long 1800 has_learned
    local read_ms tune_s rest_mib engine_mib
    learned_ms=$(log_lines learned | head -n 1 | ms_of took) read_ms=$(log_lines learned | head -n 1 | ms_of read)
    begun=$SECONDS
    await_long 3600 is_tuned
    tune_s=$((SECONDS - begun))
    node "$here/past.mjs" >/dev/null
    await_long 1800 is_calm
    press recommend "$LOAD_URL" 3 >/dev/null
    rest_mib=$(mib "$service" VmRSS)
    press recommend "$LOAD_URL" "$SECONDS_EACH" >"$folder/most.json"
    # From here on below the maximum rate: at the maximum no CPU time is left for rebuilds.
    export LOAD_REST_MS=$GROWTH_REST_MS
    for _ in $(seq "$ROUNDS"); do press recommend "$LOAD_URL" "$SECONDS_EACH" >>"$folder/before.json"; done

    # Resets peak memory.
    echo 5 >"/proc/$service/clear_refs"
    local builds_before seconds touching
    builds_before=$(log_lines learned | wc -l)
    # A round is long enough for whole builds and the time between them.
    seconds=$((learned_ms * 2 / 1000 + SECONDS_EACH))
    node "$here/growth.mjs" touch "$clicks" &
    touching=$!
    started+=("$touching")
    await_long 600 has_learned $((builds_before + 1))
    builds_before=$(log_lines learned | wc -l)
    begun=$SECONDS
    # Building runs at lower priority than requests and may need more rounds.
    local round=0
    while [ "$round" -lt "$ROUNDS" ] || { [ "$round" -lt $((ROUNDS * 10)) ] && ! has_learned $((builds_before + 1)); }; do
        press recommend "$LOAD_URL" "$seconds" >>"$folder/during.json"
        round=$((round + 1))
    done
    local lasted=$((SECONDS - begun)) built building_ms slowest_ms
    kill "$touching"; wait "$touching" 2>/dev/null || true
    log_lines learned | tail -n +$((builds_before + 1)) >"$folder/builds"
    built=$(wc -l <"$folder/builds")
    while read -r line; do echo "$line" | ms_of took; echo; done <"$folder/builds" >"$folder/took"
    building_ms=$(awk '{ sum += $1 } END { print sum + 0 }' "$folder/took") slowest_ms=$(sort -n "$folder/took" | tail -n 1)
    engine_mib=$(mib "$engine" VmRSS)
    local peak_mib=$(mib "$service" VmHWM) before during ratio
    before=$(median p99_ms "$folder/before.json") during=$(median p99_ms "$folder/during.json")
    ratio=$(awk -v a="$during" -v b="$before" 'BEGIN { printf "%.1f", a / b }')
    echo "| $clicks | $(wc -l <"$LOAD_ITEMS") | $fill_s s | $(seconds_of "$learned_ms") s | $(seconds_of "$read_ms") s | $tune_s s | $rest_mib | $peak_mib | $engine_mib |" \
        "$(median per_second "$folder/most.json") | $(median per_second "$folder/before.json") | $before ms | $during ms | $ratio | $built in $lasted s, $((building_ms / 10 / (lasted > 0 ? lasted : 1)))% of it | $(seconds_of "${slowest_ms:-0}") s |" |
        tee -a "$folder/table"
    unset LOAD_REST_MS
    stop_ashna
    if [ "$clicks" -le 10000000 ]; then
        [ -n "$slowest_ms" ] && [ "$learned_ms" -le $((GROWTH_SECONDS_MAX * 1000)) ] && [ "$peak_mib" -le "$GROWTH_MIB_MAX" ] &&
            awk -v ratio="$ratio" -v max="$GROWTH_P99_RATIO_MAX" 'BEGIN { exit !(ratio <= max) }' || beyond="$beyond $clicks"
    fi
}

growth() {
    local beyond=""
    echo '| clicks | items | filled in | built in | of which reading | tuned in | service idle, MiB | peak during rebuilds | engine | maximum requests/s | requests/s | p99 | p99 during rebuilds | ratio | rebuilds | slowest |' | tee "$folder/table"
    echo '|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|' | tee -a "$folder/table"
    for clicks in $GROWTH_SIZES; do growth_of "$clicks"; done
    [ -z "$beyond" ] || { echo "beyond $GROWTH_SECONDS_MAX s, $GROWTH_MIB_MAX MiB or $GROWTH_P99_RATIO_MAX times p99:$beyond" >&2; exit 1; }
}
