#!/bin/sh
# Query time of a funnel, compared with ClickHouse's own windowFunnel in the same run.
#
#   load/funnel.sh URL [EVENTS] [VISITORS]
#
# URL is the HTTP interface of a ClickHouse server, such as http://127.0.0.1:8123. A database `funnel_load` with generated
# events is created there unless it exists; drop it to rebuild it. The best of three rounds counts; the query is
# reports.funnel.sql as the service sends it, with results in RowBinary.
set -eu
url=${1:?usage: load/funnel.sh URL [EVENTS] [VISITORS]}
events=${2:-20000000}
visitors=${3:-2000000}
here=$(dirname "$0")/..

query() { curl -sS --fail-with-body "$url/?$1" --data-binary @-; }

if [ "$(echo "EXISTS DATABASE funnel_load" | query '')" = 0 ]; then
    echo "generating $events events of $visitors visitors"
    echo "CREATE DATABASE funnel_load" | query ''
    sed -n '/^CREATE TABLE events$/,/;$/p' "$here/migrations/0001_events.sql" | sed 's/;$//' | query database=funnel_load
    query database=funnel_load <<SQL
INSERT INTO events (journal, position, site_id, message, kind, name, occurred_at, received_at, visitor, path, device, properties)
SELECT 1, number, 1, number, if(draw < 40, 2, 1),
    multiIf(draw < 40, '', draw < 60, 'Product Viewed', draw < 67, 'Product Added', draw < 70, 'Order Completed', 'Slot Viewed'),
    at, at, reinterpretAsUInt128(sipHash128(cityHash64(number, 1) % $visitors)),
    concat('/p/', toString(number % 60)), ['desktop', 'mobile', 'tablet'][number % 3 + 1],
    concat('{"price":', toString(number % 100), '}')
FROM (SELECT number, cityHash64(number) % 100 AS draw,
             toDateTime64('2026-10-01 00:00:00', 3, 'UTC') + toIntervalMillisecond(cityHash64(number, 7) % 2419200000) AS at
      FROM numbers($events))
SQL
fi

period="site_id = 1 AND occurred_at >= '2026-10-01 00:00:00' AND occurred_at < '2026-11-05 00:00:00'"
ours() {
    marks="bitOr(bitOr(toUInt32(name = {p0:String}), bitShiftLeft(toUInt32(name = {p1:String}), 1)), bitShiftLeft(toUInt32(name = {p2:String}), 2))"
    sed -e '/^--/d' -e "s/\\\$MARKS/$marks/" -e 's/\$GROUP/0/' "$here/src/store/sql/reports.funnel.sql" |
        query 'database=funnel_load&default_format=RowBinary&param_site=1&param_from_ms=1790812800000&param_to_ms=1793232000000&param_last_ms=1793836799999&param_entry_bits=1&param_names=%5B%27Product+Viewed%27,%27Product+Added%27,%27Order+Completed%27%5D&param_page_views=0&param_groups=%5B%5D&param_p0=Product+Viewed&param_p1=Product+Added&param_p2=Order+Completed' |
        wc -c
}
theirs() {
    echo "SELECT level, count() FROM (SELECT windowFunnel(604800000)(toUInt64(toUnixTimestamp64Milli(occurred_at)),
        name = 'Product Viewed', name = 'Product Added', name = 'Order Completed') AS level
        FROM events WHERE $period GROUP BY visitor) GROUP BY level" | query database=funnel_load
}
best() {
    least=
    for _ in 1 2 3; do
        begun=$(date +%s%N)
        "$1" >/dev/null
        took=$((($(date +%s%N) - begun) / 1000000))
        if [ -z "$least" ] || [ "$took" -lt "$least" ]; then least=$took; fi
    done
    echo "$least"
}
ours_ms=$(best ours)
theirs_ms=$(best theirs)
echo "reports.funnel.sql $ours_ms ms, windowFunnel $theirs_ms ms, ratio $(awk "BEGIN { printf \"%.2f\", $ours_ms / $theirs_ms }")"
