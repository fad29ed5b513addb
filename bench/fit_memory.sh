#!/usr/bin/env bash
# Memory and latency of the whole program, as a user meets them:
#
#     bench/fit_memory.sh [BUILD_DIR]      default: build/release
#
#   * peak memory of a fit with 100 000 parameter sets a round (the Hodgkin-Huxley example: 5 traces of 1497 steps); limit 300 MB
#   * wall time of `spikesmith check`, median of 5 runs; limit 0.5 s
#   * wall time of a one-round fit of 8 parameter sets with an empty kernel cache and with a warm one: the difference is
#     what compiling costs
# Exits 1 if a limit is broken.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=${1:-build/release}
program=$build/bin/spikesmith
measure=$build/bench/peak_memory
config=examples/hodgkin_huxley/config.toml
for needed in "$program" "$measure"; do
    if [[ ! -x $needed ]]; then
        echo "$needed is not built: run ./runtests, or cmake --build $build" >&2
        exit 2
    fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SPIKESMITH_CACHE_DIR=$work/cache
failed=0

# The line of peak_memory, which is the last of what the command prints.
measured() { "$measure" "$program" "$@" 2>"$work/stderr" | tail -n 1 || { cat "$work/stderr" >&2; exit 1; }; }
seconds_of() { sed -E 's/^wall ([0-9.]+) s.*/\1/' <<<"$1"; }
memory_of() { sed -E 's/.*peak memory ([0-9.]+) MB$/\1/' <<<"$1"; }
median() { sort -g | awk '{x[NR] = $1} END {print x[int((NR + 1) / 2)]}'; }
judge() { # what, figure, unit, limit
    local verdict=ok
    if ! awk -v figure="$2" -v limit="$4" 'BEGIN {exit !(figure < limit)}'; then
        verdict="ABOVE THE LIMIT"
        failed=1
    fi
    printf '%-58s %8s %-3s limit %s %s: %s\n' "$1" "$2" "$3" "$4" "$3" "$verdict"
}

small=(fit "$config" --quiet --set fit.n_samples=8 --set fit.n_rounds=1)
cold=$(for run in 1 2 3; do rm -rf "$SPIKESMITH_CACHE_DIR"; seconds_of "$(measured "${small[@]}" --out "$work/cold$run")"; done | median)
warm=$(for run in 1 2 3; do seconds_of "$(measured "${small[@]}" --out "$work/warm$run")"; done | median)
printf '%-58s %8s s\n' "fit of 8 parameter sets, one round, empty cache" "$cold" "the same, warm cache" "$warm"

check=$(for _ in 1 2 3 4 5; do seconds_of "$(measured check "$config")"; done | median)
judge "spikesmith check" "$check" s 0.5

line=$(measured fit "$config" --quiet --set fit.n_samples=100000 --set fit.n_rounds=2 --out "$work/large")
printf '%-58s %8s s\n' "fit of 100 000 parameter sets x 5 traces, 2 rounds" "$(seconds_of "$line")"
judge "  its peak memory" "$(memory_of "$line")" MB 300
exit "$failed"
