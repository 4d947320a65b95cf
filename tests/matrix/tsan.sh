#!/usr/bin/env bash
# Run the thread tests with ThreadSanitizer: tsan.sh DIR [SECONDS]. Builds a CPython
# without the GIL for that in DIR if there is none. Fails if it finds a race that is not
# among the known races of CPython.
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
cp -r "$root/audithooks" "$root/tests" "$root/pyproject.toml" "$root/build_ext.py" \
    "$root/README.md" "$root/LICENSE" "$work"
cd "$work"
rm -f audithooks/*/*_c.*.so audithooks/*/*_c.c

# With another Python, as pip and Cython are slow with ThreadSanitizer.
python3 -m venv venv
venv/bin/pip install --quiet "cython>=3.2"
venv/bin/pip install --quiet --target site pytest setuptools
config=$prefix/bin/python3-config
for module in audithooks/*/*.pyx; do
    venv/bin/cython "$module"
    # shellcheck disable=SC2046
    gcc -shared -fPIC -fsanitize=thread -g -O1 -Iaudithooks $("$config" --includes) \
        "${module%.pyx}.c" -o "${module%.pyx}$("$config" --extension-suffix)"
done

# A test of the runtime domain starts its threads in a forked child. A race is known by
# both of its stacks, so the history is as long as can be.
TSAN_OPTIONS="suppressions=$prefix/suppressions_free_threading.txt log_path=$work/race"
TSAN_OPTIONS="$TSAN_OPTIONS die_after_fork=0 exitcode=0 history_size=7"
export TSAN_OPTIONS
export AUDITHOOKS_PURE_PYTHON=0 PYTHONPATH=$work:$work/site
"$prefix/bin/python3" -m pytest tests/core/test_threads.py -k cython --seconds "$seconds"
if compgen -G "race.*" >/dev/null; then
    cat race.*
    exit 1
fi
echo "no race was found"
