#!/usr/bin/env bash
# tests/repeat.sh [ROUNDS [TARGET…]]: runs make's test targets (default `test`) ROUNDS times (default 10) while the same
# cores compile this tree in a loop, and reports which tests failed, and how often. Fails if any did.
#
#     tests/repeat.sh 10                     # the whole suite
#     tests/repeat.sh 5 test-front           # browser tests of the tracker only
#     COMPILE=0 tests/repeat.sh 3 test-rust  # without the parallel compile
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-10}
shift || true
targets=("${@:-test}")
folder=$(mktemp -d)
compile=''

finish() {
    # The whole group: cargo and its compilers.
    [ -z "$compile" ] || kill -- "-$compile" 2>/dev/null || true
    rm -rf "$folder/target"
}
trap finish EXIT

# An endless compile of the library in its own folder, as an editor next to the tests would run.
if [ "${COMPILE:-1}" != 0 ]; then
    set -m
    (
        export CARGO_TARGET_DIR=$folder/target
        while :; do
            touch "$folder/began"
            cargo build --locked --lib --quiet
            cargo clean --locked --quiet -p ashna
        done
    ) >"$folder/compile.log" 2>&1 &
    compile=$!
    set +m
fi

# Names of failed tests in a log, by cargo-nextest, by cargo and by node's two reporters.
failures() {
    sed 's/\x1b\[[0-9;]*m//g' "$1" | sed -nE \
        -e 's/^ +(FAIL|TIMEOUT|SIG[A-Z]+|ABORT|LEAK-FAIL) \[[^]]*\] (\([^)]*\) )?/\1 /p' \
        -e 's/^test (.*) \.\.\. FAILED$/FAIL \1/p' \
        -e 's/^ *not ok [0-9]+ - (.*)$/FAIL \1/p' \
        -e 's/^ *✖ (.*) \([0-9.]+ms\)$/FAIL \1/p' | sort -u
}

failed=0
for round in $(seq "$rounds"); do
    log=$folder/round-$round.log began=$SECONDS said=passed
    if ! make "${targets[@]}" >"$log" 2>&1 </dev/null; then
        said=FAILED failed=$((failed + 1))
    fi
    echo "round $round: $said in $((SECONDS - began)) s; $(.ci/count "$log" | tail -n 1)"
    failures "$log" | tee -a "$folder/failures" | sed 's/^/    /'
    if [ "$said" = FAILED ] && [ -z "$(failures "$log")" ]; then tail -n 20 "$log"; fi
done

echo "$((rounds - failed)) of $rounds rounds passed; logs in $folder"
if [ -s "$folder/failures" ]; then sort "$folder/failures" | uniq -c | sort -rn; fi
[ "$failed" = 0 ]
