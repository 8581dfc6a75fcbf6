# The growth scenario of run.sh: a warehouse filled with invented clicks, then the service on it.
# What is measured: reading and building the index, tuning, memory, and `GET /v1/recommend` before and
# beside rebuilds. The rows are put into the warehouse itself, by its own interface: taking events is
# another scenario's matter, and ten million take minutes that way.

# stop_ashna: ends the service and waits until it is gone; its data stay.
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

# Lines of the log that say this and are about the site, oldest first.
said() { sed 's/\x1b\[[0-9;]*m//g' "$folder/ashna.log" | grep -E "(DEBUG|INFO) $1 site=$site( |\$)" || true; }
has_learned() { [ "$(said learned | wc -l)" -ge "${1:-1}" ]; }
is_tuned() { [ -n "$(said tuned)" ]; }
# No build is under way and none was begun for a while.
is_calm() {
    local begun; begun=$(said learning | wc -l)
    [ "$begun" = "$(said learned | wc -l)" ] || return 1
    sleep $((learned_ms / 1000 + 8))
    [ "$begun" = "$(said learning | wc -l)" ]
}

# ms_of FIELD: from a line on standard input, `took=1.25s` or `took=250.1ms`.
ms_of() {
    grep -oE "$1=[0-9.]+(s|ms|µs)" | tail -n 1 | sed -E 's/.*=//; s/µs$/ 0.001/; s/ms$/ 1/; s/s$/ 1000/' | awk '{ printf "%d", $1 * $2 }'
}

seconds_of() { awk -v ms="$1" 'BEGIN { printf "%.1f", ms / 1000 }'; }

# What the engine does for itself after so many rows is no part of serving.
has_merged() {
    local left
    left=$(curl -s "http://127.0.0.1:$engine_port/" -H 'x-clickhouse-user: ashna' -H "x-clickhouse-key: $secret" \
        --data-binary 'SELECT count() FROM system.merges') || return 1
    [ "$left" = 0 ]
}

# fill CLICKS: catalogue and clicks, while nothing is learned yet.
fill() {
    node "$here/growth.mjs" items "$1" >"$folder/items.ndjson"
    "$binary" import items "$folder/items.ndjson" --site "$site" --json --data-dir "$folder/data" >"$folder/import.json"
    node -e 'for (const l of require("fs").readFileSync(0, "utf8").trim().split("\n")) console.log(JSON.parse(l).id)' \
        <"$folder/items.ndjson" >"$LOAD_ITEMS"
    # Its command line: engine-child KIND FILE DIRECTORY PORT …
    engine_port=$(tr '\0' '\n' <"/proc/$engine/cmdline" | grep -A 4 '^engine-child$' | tail -n 1)
    secret=$(cat "$folder/data/engine/secret")
    local columns='journal,position,site_id,message,kind,name,action,occurred_at,received_at,visitor,session_start,items,category'
    local url="http://127.0.0.1:$engine_port/?database=ashna&query=INSERT%20INTO%20events%20($columns)%20FORMAT%20TSV"
    local answer
    answer=$(node "$here/growth.mjs" events "$1" "$site" | curl -sS -X POST -T - "$url" \
        -H 'x-clickhouse-user: ashna' -H "x-clickhouse-key: $secret") || { echo "load: the clicks were not stored" >&2; exit 1; }
    [ -z "$answer" ] || { echo "load: $answer" >&2; exit 1; }
}

# median FIELD FILE: the median of the rounds.
median() {
    node -e 'const [field, file] = process.argv.slice(1);
        const all = require("fs").readFileSync(file, "utf8").trim().split("\n").map((l) => JSON.parse(l)[field]).sort((a, b) => a - b);
        console.log(all[Math.floor(all.length / 2)].toFixed(1))' "$1" "$2"
}

growth_of() {
    local clicks=$1 begun fill_s
    rm -rf "$folder/data" "$folder/before.json" "$folder/beside.json"
    export LOAD_ITEMS=$folder/items.txt
    # A reading of the index once a day: it is to begin with everything.
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
    learned_ms=$(said learned | head -n 1 | ms_of took) read_ms=$(said learned | head -n 1 | ms_of read)
    begun=$SECONDS
    await_long 3600 is_tuned
    tune_s=$((SECONDS - begun))
    node "$here/past.mjs" >/dev/null
    await_long 1800 is_calm
    press recommend "$LOAD_URL" 3 >/dev/null
    rest_mib=$(mib "$service" VmRSS)
    press recommend "$LOAD_URL" "$SECONDS_EACH" >"$folder/most.json"
    # From here on at a rate that leaves room: who asks for all there is has none left for a rebuild.
    export LOAD_REST_MS=$GROWTH_REST_MS
    for _ in $(seq "$ROUNDS"); do press recommend "$LOAD_URL" "$SECONDS_EACH" >>"$folder/before.json"; done

    # Highest from here on.
    echo 5 >"/proc/$service/clear_refs"
    local builds_before seconds touching
    builds_before=$(said learned | wc -l)
    # A round holds whole builds, and what the service does between them.
    seconds=$((learned_ms * 2 / 1000 + SECONDS_EACH))
    node "$here/growth.mjs" touch "$clicks" &
    touching=$!
    started+=("$touching")
    await_long 600 has_learned $((builds_before + 1))
    builds_before=$(said learned | wc -l)
    begun=$SECONDS
    # Building stands back for requests: it may need more rounds to end.
    local round=0
    while [ "$round" -lt "$ROUNDS" ] || { [ "$round" -lt $((ROUNDS * 10)) ] && ! has_learned $((builds_before + 1)); }; do
        press recommend "$LOAD_URL" "$seconds" >>"$folder/beside.json"
        round=$((round + 1))
    done
    local lasted=$((SECONDS - begun)) built building_ms slowest_ms
    kill "$touching"; wait "$touching" 2>/dev/null || true
    said learned | tail -n +$((builds_before + 1)) >"$folder/builds"
    built=$(wc -l <"$folder/builds")
    while read -r line; do echo "$line" | ms_of took; echo; done <"$folder/builds" >"$folder/took"
    building_ms=$(awk '{ sum += $1 } END { print sum + 0 }' "$folder/took") slowest_ms=$(sort -n "$folder/took" | tail -n 1)
    engine_mib=$(mib "$engine" VmRSS)
    local peak_mib=$(mib "$service" VmHWM) before beside ratio
    before=$(median p99_ms "$folder/before.json") beside=$(median p99_ms "$folder/beside.json")
    ratio=$(awk -v a="$beside" -v b="$before" 'BEGIN { printf "%.1f", a / b }')
    echo "| $clicks | $(wc -l <"$LOAD_ITEMS") | $fill_s s | $(seconds_of "$learned_ms") s | $(seconds_of "$read_ms") s | $tune_s s | $rest_mib | $peak_mib | $engine_mib |" \
        "$(median per_second "$folder/most.json") | $(median per_second "$folder/before.json") | $before ms | $beside ms | $ratio | $built in $lasted s, $((building_ms / 10 / (lasted > 0 ? lasted : 1)))% of it | $(seconds_of "${slowest_ms:-0}") s |" |
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
    echo '| clicks | items | filled in | built in | reading of it | tuned in | service at rest, MiB | highest beside rebuilds | engine | most requests/s | asked of it | p99 | p99 beside rebuilds | ratio | rebuilds | slowest |' | tee "$folder/table"
    echo '|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|' | tee -a "$folder/table"
    for clicks in $GROWTH_SIZES; do growth_of "$clicks"; done
    [ -z "$beyond" ] || { echo "beyond $GROWTH_SECONDS_MAX s, $GROWTH_MIB_MAX MiB or $GROWTH_P99_RATIO_MAX times p99:$beyond" >&2; exit 1; }
}
