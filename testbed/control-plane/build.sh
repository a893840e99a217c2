#!/usr/bin/env bash
# Builds the Go programs that Stagecraft's tests and demo need, from pinned Go modules, into the user's cache folder.
#
#   build.sh            builds what is missing of etcd, kube-apiserver, kube-controller-manager and kubectl
#   build.sh --helm     builds helm
#   build.sh --locate   prints "NAME PATH" for each program that is there, helm too; builds nothing
#
# Where KUBEBUILDER_ASSETS names a folder with etcd, kube-apiserver and kubectl, those are used.
#
# The folder's name is a hash of go.mod and go.sum, so a new pin never meets an old program. A program appears under its
# name only when it is complete, by a rename: an interrupted build costs the program that it was at, nothing else.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stagecraft

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "error: $*"
    exit 1
}

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c1-16; }

# The folder of a module's programs.
programs_of() { printf '%s/%s\n' "$cache" "$(cat "$1/go.mod" "$1/go.sum" | sha256)"; }

# The version that go.mod pins. Kubernetes' programs do not know theirs unless the linker tells them.
pinned() { awk -v module="$2" '$1 == module && $2 ~ /^v/ { print $2; exit }' "$1/go.mod"; }

package_of() {
    case $1 in
    etcd) echo go.etcd.io/etcd/server/v3 ;;
    helm) echo helm.sh/helm/v4/cmd/helm ;;
    *) echo "k8s.io/kubernetes/cmd/$1" ;;
    esac
}

# What to expect with an empty build cache on two cores; each build finds what the one before it compiled.
usual_time_of() {
    case $1 in
    kube-apiserver) echo '6 minutes or more' ;;
    helm) echo '3 minutes' ;;
    *) echo '1 to 2 minutes' ;;
    esac
}

linker_flags_of() {
    local module=$1 version minor
    version=$(pinned "$module" k8s.io/kubernetes)
    if [[ -z $version ]]; then
        echo '-s -w'
        return
    fi
    minor=${version#v*.}
    local variable=k8s.io/component-base/version
    echo "-s -w -X $variable.gitVersion=$version -X $variable.gitMajor=1 -X $variable.gitMinor=${minor%%.*}"
}

# Whether Go is here and new enough for the module. A sentence on stdout says why not.
go_is_missing() {
    local module=$1 needed found
    needed=$(awk '$1 == "go" { print $2; exit }' "$module/go.mod")
    if ! command -v go >/dev/null; then
        echo "Go is missing. Install Go $needed or newer from https://go.dev/dl and run this again."
        return 0
    fi
    # In the module's folder Go fetches the toolchain that go.mod asks for, unless it is told not to.
    if ! found=$(cd "$module" && GOWORK=off go env GOVERSION 2>&1); then
        echo "Go cannot be used: $found. Install Go $needed or newer from https://go.dev/dl and run this again."
        return 0
    fi
    found=${found#go}
    if [[ $(printf '%s\n' "$needed" "${found%% *}" | sort -V | head -n 1) != "$needed" ]]; then
        echo "Go $found is too old. Install Go $needed or newer from https://go.dev/dl and run this again."
        return 0
    fi
    return 1
}

building='' unfinished=''
clean_up() {
    if [[ -n $building ]]; then kill "$building" 2>/dev/null || true; fi
    if [[ -n $unfinished ]]; then rm -rf -- "$unfinished"; fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Builds one program: module, folder, name, and its place among the programs that are missing.
build() {
    local module=$1 folder=$2 name=$3 step=$4 started=$SECONDS
    say "[$step] building $name (usually $(usual_time_of "$name") the first time)"
    unfinished=$(mktemp -d "$cache/.building.XXXXXX")
    (
        cd "$module"
        # nice: a build of minutes must leave the machine usable. 9>&-: the lock ends with this script.
        GOWORK=off CGO_ENABLED=0 exec nice -n 10 go build -mod=readonly -buildvcs=false \
            -ldflags "$(linker_flags_of "$module")" -o "$unfinished/$name" "$(package_of "$name")"
    ) >"$unfinished/log" 2>&1 9>&- &
    building=$!
    local told=$SECONDS
    while kill -0 "$building" 2>/dev/null; do
        sleep 1
        if ((SECONDS - told >= 15)); then
            told=$SECONDS
            say "[$step] building $name: $((SECONDS - started)) s$(doing "$unfinished/log")"
        fi
    done
    if ! wait "$building"; then
        building=
        tail -n 20 "$unfinished/log" >&2
        fail "$name could not be built. The lines above are Go's; with no access to the module proxy, set GOPROXY or KUBEBUILDER_ASSETS."
    fi
    building=
    mv -f -- "$unfinished/$name" "$folder/$name"
    rm -rf -- "$unfinished"
    unfinished=
    say "[$step] $name is built ($((SECONDS - started)) s)"
}

# Go is silent while it compiles; its last word then is the module that it fetched last.
doing() {
    local fetched
    fetched=$(grep -c '^go: downloading' "$1" || true)
    if ((fetched > 0)); then printf ' (%s modules fetched)' "$fetched"; fi
}

build_missing() {
    local module=$1 folder=$2
    shift 2
    local name missing=()
    for name; do [[ -x $folder/$name ]] || missing+=("$name"); done
    if ((${#missing[@]} == 0)); then return; fi

    local sentence
    if sentence=$(go_is_missing "$module"); then fail "$sentence"; fi
    mkdir -p "$folder"
    # One build at a time: a second one would compile the same packages again. Without flock both do, and both are right.
    if command -v flock >/dev/null; then
        exec 9>"$cache/.lock"
        if ! flock -n 9; then
            say "another build is running; waiting for it"
            flock 9
        fi
    fi
    local step=0
    for name in "${missing[@]}"; do
        step=$((step + 1))
        [[ -x $folder/$name ]] || build "$module" "$folder" "$name" "$step/${#missing[@]}"
    done
}

assets_are_complete() {
    local name
    [[ -n ${KUBEBUILDER_ASSETS:-} ]] || return 1
    for name in etcd kube-apiserver kubectl; do [[ -x $KUBEBUILDER_ASSETS/$name ]] || return 1; done
}

control_plane_folder=$(programs_of "$here")
helm_module=$(cd "$here/../helm" && pwd)

locate() {
    local name path
    for name in etcd kube-apiserver kube-controller-manager kubectl; do
        path=$control_plane_folder/$name
        if assets_are_complete && [[ -x $KUBEBUILDER_ASSETS/$name ]]; then path=$(cd "$KUBEBUILDER_ASSETS" && pwd)/$name; fi
        if [[ -x $path ]]; then printf '%s %s\n' "$name" "$path"; fi
    done
    path=$(programs_of "$helm_module")/helm
    if [[ -x $path ]]; then printf 'helm %s\n' "$path"; fi
}

build_control_plane() {
    if ! assets_are_complete; then
        if [[ -n ${KUBEBUILDER_ASSETS:-} ]]; then
            say "KUBEBUILDER_ASSETS ($KUBEBUILDER_ASSETS) does not hold etcd, kube-apiserver and kubectl; building them instead"
        fi
        build_missing "$here" "$control_plane_folder" etcd kube-apiserver kube-controller-manager kubectl
        return
    fi
    if [[ -x $KUBEBUILDER_ASSETS/kube-controller-manager ]]; then return; fi
    local sentence
    if [[ ! -x $control_plane_folder/kube-controller-manager ]] && sentence=$(go_is_missing "$here"); then
        say "warning: KUBEBUILDER_ASSETS holds no kube-controller-manager, and it cannot be built. $sentence"
        say "Until then a deleted namespace stays, owner references are not collected, a namespace has no default"
        say "ServiceAccount and the roles view, edit and admin stay empty. Tests that need one of these fail and say so."
        return
    fi
    build_missing "$here" "$control_plane_folder" kube-controller-manager
}

case ${1:-} in
'') build_control_plane ;;
--locate) locate ;;
--helm)
    helm_folder=$(programs_of "$helm_module")
    build_missing "$helm_module" "$helm_folder" helm
    printf 'helm %s\n' "$helm_folder/helm"
    ;;
*) fail "unknown argument $1; one of none, --helm, --locate" ;;
esac
