#!/usr/bin/env bash
# Checks the files that no compiler reads: workflows by actionlint, the Dockerfile by BuildKit's parser (dockerfile/main.go),
# what the image is built from, versions, and the form of the changelog.
#
# Both programs are Go's, pinned by go.sum, and stay in Go's build cache: half a minute the first time, two seconds after it.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
root=$PWD
export GOWORK=off GOFLAGS=-mod=readonly CGO_ENABLED=0

if ! command -v go >/dev/null; then
    echo "error: Go is missing, which reads the workflows and the Dockerfile. Install it from https://go.dev/dl." >&2
    exit 1
fi
wrong=0
say() {
    printf '%s\n' "$*" >&2
    wrong=1
}

workflows=("$root"/.github/workflows/*.yml)
go -C scripts/lint tool actionlint "${workflows[@]}" || wrong=1
go -C scripts/lint run ./dockerfile "$root/Dockerfile" || wrong=1
scripts/version.sh check || wrong=1

# A tag can be moved to other code; a commit cannot.
while IFS= read -r line; do
    say "not pinned by commit, with the tag in a comment: $line"
done < <(grep -HnE '^[[:space:]-]*uses:' "${workflows[@]}" | grep -vE 'uses: [A-Za-z0-9._/-]+@[0-9a-f]{40} # v[0-9]')

# actionlint does not know what is in the repository.
while IFS= read -r script; do
    [[ -x $script ]] || say "a workflow runs $script, which is not there or cannot be run"
done < <(grep -hoE '(^|[ "])(scripts|\.ci)/[A-Za-z0-9._/-]+' "${workflows[@]}" | tr -d ' "' | sort -u)

# What .dockerignore lets into the image's build must be a workspace that Cargo can load.
context=$(mktemp -d)
trap 'rm -rf -- "$context"' EXIT
mapfile -t allowed < <(sed -n 's/^!//p' .dockerignore)
git ls-files -z -- "${allowed[@]}" | xargs -0 cp --parents -t "$context"
if ! told=$(cd "$context" && cargo metadata --no-deps --format-version 1 2>&1 >/dev/null); then
    say "the image cannot be built from what .dockerignore lets in: ${told//"$context"/.}"
fi

# Keep a Changelog 1.1.0: Unreleased first, then versions with dates, and below them nothing but its six headings.
headings=$(grep -nE '^##' CHANGELOG.md)
[[ $(head -n 1 <<<"$headings") == *':## [Unreleased]' ]] || say "CHANGELOG.md does not begin with '## [Unreleased]'"
while IFS= read -r line; do
    say "CHANGELOG.md:$line is no heading of Keep a Changelog"
done < <(grep -vE ':(## \[(Unreleased|[0-9]+\.[0-9]+\.[0-9]+\] - [0-9]{4}-[0-9]{2}-[0-9]{2})\]?|### (Added|Changed|Deprecated|Removed|Fixed|Security))$' <<<"$headings")

exit "$wrong"
