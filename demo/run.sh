#!/usr/bin/env bash
# Builds what the demo needs and is not built yet, then plays it. `make demo` calls it; arguments go to the demo.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Before anything is built: what is missing should not come out after ten minutes. Go is asked for by build.sh.
needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
command -v cargo >/dev/null || fail "Rust is missing. Install Rust $needed or newer from https://rustup.rs and run this again."
found=$(cargo --version | awk '{ print $2 }')
if [[ $(printf '%s\n' "$needed" "${found%%-*}" | sort -V | head -n 1) != "$needed" ]]; then
    fail "Rust $found is too old. Install Rust $needed or newer, for instance with 'rustup update', and run this again."
fi
command -v cc >/dev/null || fail "A C compiler is missing, which the TLS library is built with. Install gcc or clang and run this again."

testbed/control-plane/build.sh
cargo build --locked --workspace --bins

# Where Cargo puts what it builds: a variable or a configuration file can have moved it.
built=$(cargo metadata --format-version 1 --no-deps --offline | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1\/debug/p')
exec "$built/stagecraft-demo" "$@"
