# Shared by the scripts in eng/: where things are, and how they speak.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

step() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# The value of one property in eng/lane.props; empty when set-up has not run.
lane_property() {
    [ -f "$ROOT/eng/lane.props" ] || return 0
    sed -n "s:.*<$1>\(.*\)</$1>.*:\1:p" "$ROOT/eng/lane.props"
}
