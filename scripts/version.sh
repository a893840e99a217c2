#!/usr/bin/env bash
# One version, in four places: the crates, the chart, the image and, once it is released, the changelog.
#
#   scripts/version.sh                  prints it
#   scripts/version.sh check            fails where the places differ
#   scripts/version.sh check VERSION    and where it is another one, or where CHANGELOG.md has no section for it
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

crates=$(sed -n '/^\[workspace\.package\]/,/^\[/ s/^version = "\(.*\)"$/\1/p' Cargo.toml)
wrong=0
expect() {
    if [[ $2 != "$3" ]]; then
        printf '%s says %s and must say %s\n' "$1" "${2:-nothing}" "$3" >&2
        wrong=1
    fi
}

case ${1:-} in
'') printf '%s\n' "$crates" ;;
check)
    version=${2:-$crates}
    expect 'version in [workspace.package] of Cargo.toml' "$crates" "$version"
    expect 'version in charts/stagecraft/Chart.yaml' "$(sed -n 's/^version: //p' charts/stagecraft/Chart.yaml)" "$version"
    expect 'appVersion in charts/stagecraft/Chart.yaml' "$(sed -n 's/^appVersion: //p' charts/stagecraft/Chart.yaml)" "$version"
    expect 'ARG VERSION of Dockerfile' "$(sed -n 's/^ARG VERSION=//p' Dockerfile)" "$version"
    if (($# > 1)) && ! grep -qF -- "## [$version] - " CHANGELOG.md; then
        echo "CHANGELOG.md has no section '## [$version] - YYYY-MM-DD'" >&2
        wrong=1
    fi
    exit "$wrong"
    ;;
*)
    echo "unknown argument $1; one of none, check, check VERSION" >&2
    exit 2
    ;;
esac
