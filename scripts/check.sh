#!/usr/bin/env bash
# Checks the repository, cheapest part first, and prints at its end how long each part took.
#
#   scripts/check.sh              everything
#   scripts/check.sh PART...      these parts only, of: control-plane files format clippy rustdoc core build crds tests
#
# The first part that fails ends it: what comes after it would mostly repeat it, minutes later.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

parts=(control-plane files format clippy rustdoc core build crds tests)
# Green means green everywhere: with the committed versions, and without a warning.
cargo=(cargo --locked)

scratch=$(mktemp -d)
names=() results=() times=()

# Where Cargo puts what it builds: a variable or a configuration file can have moved it.
built() {
    cargo metadata --format-version 1 --no-deps --offline |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1\/debug/p'
}

check_control_plane() {
    testbed/control-plane/build.sh
    # For the tests of the chart.
    testbed/control-plane/build.sh --helm
}

check_files() { scripts/lint/run.sh; }

check_format() { cargo fmt --all --check; }

check_clippy() { "${cargo[@]}" clippy --workspace --all-targets -- -D warnings; }

check_rustdoc() { RUSTDOCFLAGS='-D warnings' "${cargo[@]}" doc --workspace --no-deps; }

# The contract and the decisions build alone, and have nothing to await and nobody to call.
check_core() {
    "${cargo[@]}" check -p stagecraft-core
    local tree impure
    tree=$("${cargo[@]}" tree -p stagecraft-core -e normal --prefix none --format '{p}')
    impure=$(grep -E '^(tokio|async-std|smol|hyper|reqwest|tower|axum|rustls|kube-client|kube-runtime|aws-)' <<<"$tree" || true)
    if [[ -n $impure ]]; then
        printf 'stagecraft-core must stay free of runtimes, clients and SDKs, but it depends on:\n%s\n' "$impure" >&2
        return 1
    fi
}

# All targets, so that the tests find everything built: their dependencies have more features than the programs'.
check_build() { "${cargo[@]}" build --workspace --all-targets; }

check_crds() {
    "$(built)/stagecraft" crds --dir "$scratch/crds"
    local copy
    # A chart can only hold what is in its folder, so the definitions are there a second time.
    for copy in crds charts/stagecraft/files/crds; do
        if ! diff -ru "$copy" "$scratch/crds"; then
            echo "$copy is not what the code says. Run 'make crds', look at the difference and commit it." >&2
            return 1
        fi
    done
}

check_tests() { "$(built)/testbed" exec -- "${cargo[@]}" test --workspace; }

in_words() {
    if (($1 < 60)); then printf '%d s' "$1"; else printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); fi
}

report() {
    local status=$? i total=0 verdict=ok
    rm -rf -- "$scratch"
    if ((${#names[@]} == 0)); then return; fi
    printf '\n%-16s %-8s %14s\n' part result time
    for i in "${!names[@]}"; do
        printf '%-16s %-8s %14s\n' "${names[i]}" "${results[i]}" "$(in_words "${times[i]}")"
        total=$((total + times[i]))
    done
    if ((status != 0)); then verdict=FAILED; fi
    printf '%-16s %-8s %14s\n' all "$verdict" "$(in_words "$total")"
}
trap report EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for part in "$@"; do
    if [[ " ${parts[*]} " != *" $part "* ]]; then
        echo "unknown part $part; one of: ${parts[*]}" >&2
        exit 2
    fi
done
if (($# > 0)); then parts=("$@"); fi

for part in "${parts[@]}"; do
    printf '\n== %s\n' "$part"
    # Told before it is known, so that a part that is interrupted stands in the table too.
    names+=("$part") results+=(FAILED) times+=(0)
    last=$((${#names[@]} - 1))
    started=$SECONDS
    # In a shell of its own and not in a condition, where `set -e` would not count.
    set +e
    (
        set -e
        trap - EXIT
        "check_${part//-/_}"
    )
    status=$?
    set -e
    times[last]=$((SECONDS - started))
    if ((status != 0)); then exit "$status"; fi
    results[last]=ok
done
