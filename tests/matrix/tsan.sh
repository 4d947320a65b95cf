#!/usr/bin/env bash
# Run the races between threads with ThreadSanitizer: tsan.sh DIR [SECONDS]. A CPython
# for that, without the GIL, is built in DIR if there is none. Fails if a race is found
# that is none of those that CPython lists as its own.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
prefix=$(realpath -m "$1")
seconds=${2:-10}
if [ ! -e "$prefix/bin/python3" ]; then
    bash "$here/freethreaded.sh" "$prefix" --with-thread-sanitizer
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$here/../..
cp -r "$root/audithooks" "$root/tests" "$root/pyproject.toml" "$root/README.md" \
    "$root/LICENSE" "$work"
cd "$work"
rm -f audithooks/*.so audithooks/*.c

export TSAN_OPTIONS=report_bugs=0
"$prefix/bin/python3" -m venv venv
venv/bin/pip install --quiet pytest cython setuptools
CFLAGS="-g -O1" venv/bin/pip install --quiet --no-build-isolation --editable .

# A test of the runtime domain starts its threads in a fork.
TSAN_OPTIONS="suppressions=$prefix/suppressions_free_threading.txt log_path=$work/race"
TSAN_OPTIONS="$TSAN_OPTIONS die_after_fork=0 exitcode=0"
export TSAN_OPTIONS
AUDITHOOKS_PURE_PYTHON=0 venv/bin/python -m pytest tests/test_races.py -k cython \
    --seconds "$seconds"
if compgen -G "race.*" >/dev/null; then
    cat race.*
    exit 1
fi
echo "no race was found"
